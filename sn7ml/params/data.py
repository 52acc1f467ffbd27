"""Params of what goes in: splits, checks, tiles."""

from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from sn7ml.params.section import Section

LayoutName: TypeAlias = Literal["spacenet7"]


class DataParams(Section):
    """What the data folder is."""

    layout: LayoutName
    """How its files are named and labelled: ``spacenet7`` has AOI folders of monthly mosaics."""


class SplitParams(Section):
    """Which AOIs, or which columns of a single AOI, train, validate and test."""

    validation_fraction: float = Field(gt=0, lt=0.5)
    """Share of the AOIs (or of the columns of a single AOI) that choose epochs, trials and thresholds."""

    folds: int = Field(ge=1)
    """1: one network, which learns on ``train`` and is chosen on ``validation``. More: all that is not ``test`` is
    ``validation``, in so many parts of about equal size; one network per part learns on the others and is chosen on its own,
    which it alone has not seen. ``predict`` asks that one there, and all of them, averaged, elsewhere. Then
    ``validation_fraction`` has no say."""

    test_fraction: float = Field(gt=0, lt=0.6)
    """Share of the AOIs (or of the columns, the rightmost ones) that is scored and reported, never trained on."""

    gap_px: int = Field(ge=0)
    """Columns between two splits of a single AOI that belong to neither, pixels of the original image."""

    neighbour_tiles: int = Field(ge=0)
    """AOIs whose zoom-13 tiles lie at most this many tiles apart stay in one split."""

    seed: int = Field(ge=0)
    """Decides which groups of AOIs go where."""


class ValidationParams(Section):
    """Thresholds of the data checks. A ``critical`` expectation that fails stops the pipeline, a ``warning`` is reported.

    The defaults fit SpaceNet 7 and crops of it.
    """

    sides_px: tuple[int, int] = (63, 1024)
    """Smallest and largest allowed number of rows or columns of a frame; SpaceNet 7 has 1023 or 1024."""

    min_usable_fraction: float = Field(default=0.5, ge=0, le=1)
    """A frame with a smaller share of usable pixels gets a warning."""

    max_small_fraction: float = Field(default=0.2, ge=0, le=1)
    """A frame with a larger share of footprints under 4 px² gets a warning."""

    max_birth_fraction: float = Field(default=0.3, ge=0, le=1)
    """A month in which more than this share of the buildings is new gets a warning: labels or registration may have broken."""

    max_outside_px: float = Field(default=16.0, ge=0)
    """How far a footprint may stick out of its image before it is a critical fault, pixels."""

    max_block_px: int = Field(default=1024**2, ge=1)
    """An image gets a warning if more pixels than this must be decoded to read one: tiles are read as windows."""

    min_contrast: float = Field(default=4.0, ge=0)
    """A frame whose grey levels deviate less (standard deviation, mean of the colours) gets a warning: fog, or nothing at all."""

    max_brightness_change: float = Field(default=60.0, ge=0)
    """A month whose mean lies further from the AOI's median month gets a warning, grey levels."""

    max_black_fraction: float = Field(default=0.01, ge=0, le=1)
    """A frame gets a warning if a larger share of its usable pixels is black: unusable ground without alpha 0."""

    min_sharpness_ratio: float = Field(default=0.3, ge=0, le=1)
    """A month less sharp than this share of the AOI's median month gets a warning."""

    max_shift_px: float = Field(default=1.5, ge=0)
    """A month that lies further from the AOI's median month gets a warning, pixels."""

    min_similarity: float = Field(default=0.3, ge=-1, le=1)
    """A month that correlates less with the AOI's median month gets a warning: other ground, or mirrored."""

    max_gap_months: int = Field(default=1, ge=0)
    """More months than this without an image, between two with one, get a warning."""

    max_hidden_fraction: float = Field(default=0.02, ge=0, le=1)
    """A frame with a larger share of buildings on unusable ground gets a warning."""

    max_overlap_fraction: float = Field(default=0.02, ge=0, le=1)
    """A frame with a larger share of buildings that lie on one another gets a warning."""

    max_area_px2: float = Field(default=20_000.0, gt=0)
    """A building larger than this gets a warning, px²."""

    max_death_fraction: float = Field(default=0.1, ge=0, le=1)
    """A month in which more than this share of the buildings of the month before is gone gets a warning."""

    max_return_fraction: float = Field(default=0.1, ge=0, le=1)
    """A month in which more than this share of the buildings was missing the month before, and known earlier, gets a warning."""

    max_changed_fraction: float = Field(default=0.05, ge=0, le=1)
    """A month gets a warning if more of its buildings have another outline than in their own first month (IoU under 0.9)."""

    max_count_change: float = Field(default=0.3, ge=0)
    """A month whose number of buildings differs by a larger share from that of the month before gets a warning."""

    max_label_shift_px: float = Field(default=0.5, ge=0)
    """A month whose labels lie, as a whole, further from their own first places gets a warning, pixels."""

    max_mask_error: float = Field(default=0.2, ge=0)
    """A tiled frame is a critical fault if the area of its mask differs by a larger share from that of its polygons."""

    max_density_ratio: float = Field(default=3.0, ge=1)
    """A frame gets a warning if footprints are found this many times as densely as in the densest AOI that was learned from, or
    as thinly as in the thinnest; and if their median size differs by this factor."""


class TilingParams(Section):
    """How frames are cut into tiles."""

    size_px: int = Field(gt=0, le=2_048, multiple_of=32)
    """Side of a tile, pixels of the original image; a multiple of the encoder's stride (32)."""

    overlap_px: int = Field(ge=0)
    """Pixels that neighbouring tiles share along each axis; smaller than ``size_px``."""

    upsampling: int = Field(ge=1, le=8)
    """Mask pixels per image pixel along each axis. SpaceNet 7 needs 3: buildings are 3 px wide."""

    min_usable_fraction: float = Field(ge=0, le=1)
    """Tiles with a smaller share of usable pixels are left out: black pixels teach nothing."""

    @model_validator(mode="after")
    def _overlap_leaves_a_step(self) -> "TilingParams":
        if self.overlap_px >= self.size_px:
            raise ValueError(f"overlap_px must be smaller than size_px, got {self.overlap_px} and {self.size_px}")
        return self
