"""Params of what goes in: splits, checks, tiles, and the masks drawn on them."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from sn7ml.params.recipe import BINARY_LOSSES, CLASS_LOSSES, DISTANCE_LOSSES
from sn7ml.params.section import Section

LayoutName: TypeAlias = Literal["spacenet7", "spacenet2", "xyz", "pairs", "colour", "osm"]

Activation = Literal["sigmoid", "distance", "softmax"]
"""What turns a network's output into what is predicted: a probability of each channel by itself, a signed distance from
-1 to 1 as 0 to 1, or probabilities of classes that add up to 1."""


class StretchParams(Section):
    """How brightness of 16 bits, or of floats, becomes 1 to 255. Images of bytes stay as they are."""

    by: Literal["part", "all", "scene"] = "part"
    """For which images one stretch is measured: all of a part of the data folder (a city), all, or each by itself. Of
    the first two, only the pixels that networks learn on are looked at."""

    low_percent: float = Field(default=0.5, ge=0, le=50)
    """Percentile of each colour that becomes black."""

    high_percent: float = Field(default=99.0, ge=50, le=100)
    """Percentile of each colour that becomes white."""


class DataParams(Section):
    """What the data folder is."""

    layout: LayoutName
    """How its files are named and labelled: ``spacenet7`` has AOI folders of monthly mosaics, ``spacenet2`` folders of
    cities with single scenes, ``xyz`` map tiles and a GeoJSON, ``pairs`` images with a GeoJSON of the same name,
    ``colour`` images with label images whose colours are classes, ``osm`` images with objects of OpenStreetMap."""

    zoom: int | None = Field(default=None, ge=0, le=24)
    """Layout ``xyz``: the zoom whose tiles are used; null where there is only one."""

    classes: str | None = None
    """Layouts ``colour`` and ``osm``: the file below the data folder that says which colour, or which tags, are which
    class; null looks for the only ``classes.json`` or ``class_dict.csv``."""

    min_label_fraction: float = Field(default=0.0, ge=0, le=1)
    """The same: an image with a smaller share of pixels that have a class counts as one without labels."""

    stretch: StretchParams = StretchParams()
    """How brightness becomes bytes."""


class SplitParams(Section):
    """Which AOIs, or which columns of a single AOI, train, validate and test."""

    validation_fraction: float = Field(gt=0, lt=0.5)
    """Share of the AOIs (or of the columns of a single AOI) used to choose epochs, trials and thresholds."""

    folds: int = Field(ge=1)
    """1: one network, trained on ``train``, with its epoch chosen on ``validation``. More: cross-validation. All AOIs
    outside ``test`` form this many parts of about equal size; for each part, a network is trained on the others and its
    epoch chosen on the part, where prediction uses this network alone. Elsewhere it uses the mean of all networks.
    ``validation_fraction`` is then ignored."""

    test_fraction: float = Field(gt=0, lt=0.6)
    """Share of the AOIs (or of the columns, from the right) held out for the reported scores."""

    gap_px: int = Field(ge=0)
    """Width of the unused strip between two splits of a single AOI, pixels of the original image."""

    neighbour_tiles: int = Field(ge=0)
    """AOIs whose zoom-13 map tiles are at most this many tiles apart are kept in the same split."""

    neighbour_m: float = Field(default=50.0, ge=0)
    """Images of layouts other than ``spacenet7`` that lie at most this far apart are kept in the same split, metres."""

    block_m: float | None = Field(default=None, gt=0)
    """A group of such neighbours that is wider than this is divided into blocks of this side, metres; null divides
    none. A city that is covered without a gap is else a single group."""

    group_pattern: str | None = None
    """Images that do not say where they lie: a regular expression that finds the group in an AOI's name, such as
    ``^tile_[0-9]+``; AOIs with the same match are kept in the same split. null: the folder is the group."""

    aois: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Labelled AOIs that take part, by name or by pattern (``AOI_2_Vegas_*``); the others are neither learned from nor
    scored. null: all."""

    test_aois: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Of these, the AOIs that are held out for the reported scores, as a whole, by name or by pattern; with them goes
    no other AOI, and ``test_fraction`` is ignored. null: ``test_fraction`` and ``seed`` decide."""

    validation_by: Literal["aois", "columns"] = "aois"
    """What validates: whole AOIs, or the last columns of every AOI that is learned from, ``gap_px`` from the others. A
    few small images are too precious to keep one from learning; their columns choose epochs a little too kindly.
    ``validation_fraction`` of the columns must hold a tile of ``tiling.size_px``."""

    seed: int = Field(ge=0)
    """Seed of the assignment of AOIs to splits."""


class ValidationParams(Section):
    """Thresholds of the data checks; the defaults fit SpaceNet 7 and crops of it.

    A failed ``critical`` expectation stops the pipeline; a ``warning`` is reported.
    """

    sides_px: tuple[int, int] = (63, 1024)
    """Smallest and largest allowed number of rows or columns of a frame; SpaceNet 7 has 1023 or 1024."""

    min_usable_fraction: float = Field(default=0.5, ge=0, le=1)
    """A frame with a smaller share of usable pixels gets a warning."""

    max_small_fraction: float = Field(default=0.2, ge=0, le=1)
    """A frame with a larger share of footprints under 4 px² gets a warning."""

    max_birth_fraction: float = Field(default=0.3, ge=0, le=1)
    """A month in which a larger share of the buildings is new gets a warning: labels may be wrong or shifted."""

    max_outside_px: float = Field(default=16.0, ge=0)
    """A footprint that extends further beyond its image is a critical fault, pixels."""

    max_block_px: int = Field(default=1024**2, ge=1)
    """An image stored in blocks of more pixels than this gets a warning: reading a window decodes whole blocks."""

    min_contrast: float = Field(default=4.0, ge=0)
    """A frame whose grey levels have a lower standard deviation (mean over colours) gets a warning: fog, or empty."""

    max_brightness_change: float = Field(default=60.0, ge=0)
    """A month whose mean grey level differs more from the AOI's median month gets a warning."""

    max_black_fraction: float = Field(default=0.01, ge=0, le=1)
    """A frame with a larger share of black among its usable pixels gets a warning: alpha may be missing there."""

    min_sharpness_ratio: float = Field(default=0.3, ge=0, le=1)
    """A month whose sharpness relative to the AOI's median month is lower gets a warning."""

    max_shift_px: float = Field(default=1.5, ge=0)
    """A month shifted further from the AOI's median month gets a warning, pixels."""

    min_similarity: float = Field(default=0.3, ge=-1, le=1)
    """A month with a lower correlation with the AOI's median month gets a warning: another place, or mirrored."""

    max_gap_months: int = Field(default=1, ge=0)
    """A longer gap between images gets a warning, months."""

    max_hidden_fraction: float = Field(default=0.02, ge=0, le=1)
    """A frame with a larger share of buildings on unusable pixels gets a warning."""

    max_overlap_fraction: float = Field(default=0.02, ge=0, le=1)
    """A frame with a larger share of overlapping buildings gets a warning."""

    max_area_px2: float = Field(default=20_000.0, gt=0)
    """A building larger than this gets a warning, px²."""

    max_death_fraction: float = Field(default=0.1, ge=0, le=1)
    """A month that lacks a larger share of the buildings of the month before gets a warning."""

    max_return_fraction: float = Field(default=0.1, ge=0, le=1)
    """A month gets a warning if a larger share of its buildings was absent the month before but present earlier."""

    max_changed_fraction: float = Field(default=0.05, ge=0, le=1)
    """A month gets a warning if a larger share of outlines differs from each building's first one (IoU under 0.9)."""

    max_count_change: float = Field(default=0.3, ge=0)
    """A month whose number of buildings changes by a larger share from the month before gets a warning."""

    max_label_shift_px: float = Field(default=0.5, ge=0)
    """A month whose labels as a whole are shifted further from their first positions gets a warning, pixels."""

    max_mask_error: float = Field(default=0.2, ge=0)
    """A larger relative difference between the area of a frame's mask and of its polygons is a critical fault."""

    max_clipped_fraction: float = Field(default=0.1, ge=0, le=1)
    """Layouts other than ``spacenet7``: an image with a larger share of its usable pixels at the black, or at the white
    end of the stretch in any colour gets a warning."""

    max_density_ratio: float = Field(default=3.0, ge=1)
    """A predicted frame gets a warning if its density of footprints is above that of the densest training AOI, or below
    that of the sparsest, by this factor, or if their median size differs by it."""


class TilingParams(Section):
    """How frames are cut into tiles."""

    size_px: int = Field(gt=0, le=2_048, multiple_of=32)
    """Side of a tile, pixels of the original image; a multiple of the encoder's stride (32)."""

    overlap_px: int = Field(ge=0)
    """Pixels that neighbouring tiles share along each axis; smaller than ``size_px``."""

    upsampling: int = Field(ge=1, le=8)
    """Mask pixels per image pixel along each axis. SpaceNet 7 needs 3: buildings are 3 px wide."""

    min_usable_fraction: float = Field(ge=0, le=1)
    """Tiles with a smaller share of usable pixels are left out."""

    @model_validator(mode="after")
    def _overlap_leaves_a_step(self) -> "TilingParams":
        if self.overlap_px >= self.size_px:
            raise ValueError(f"overlap_px must be smaller than size_px, got {self.overlap_px} and {self.size_px}")
        return self


LEAST_CLASSES = 2


class RimsParams(Section):
    """Footprints, their rims, and the ground between close neighbours, so that touching houses can be separated."""

    channels: ClassVar[tuple[str, ...]] = ("footprint", "boundary", "contact")
    losses: ClassVar[tuple[str, ...]] = BINARY_LOSSES

    boundary_px: int = Field(default=1, ge=1)
    """Thickness of a building's rim, on its inside, pixels of the up-sampled mask."""

    contact_px: int = Field(default=3, ge=1)
    """Buildings at most this far apart get a contact mark between them, pixels of the up-sampled mask; even numbers are
    rounded up to odd."""


class FootprintParams(Section):
    """Footprints alone: buildings that touch are one."""

    channels: ClassVar[tuple[str, ...]] = ("footprint",)
    losses: ClassVar[tuple[str, ...]] = BINARY_LOSSES


class DistanceParams(Section):
    """How far each pixel lies from the nearest outline of a building, in metres: positive inside."""

    channels: ClassVar[tuple[str, ...]] = ("distance",)
    losses: ClassVar[tuple[str, ...]] = DISTANCE_LOSSES

    clip_m: float = Field(default=16.0, gt=0, le=128)
    """Distances beyond this are taken for this; it is also the range of the network, metres."""


class ClassesParams(Section):
    """Classes, of which a pixel has one: land use, for instance."""

    losses: ClassVar[tuple[str, ...]] = CLASS_LOSSES

    names: tuple[str, ...] = Field(default=(), max_length=64)
    """Classes that are learned, in this order, by their names in the file of classes; pixels of others are unknown."""

    @property
    def channels(self) -> tuple[str, ...]:
        """One for each class."""
        return self.names

    @model_validator(mode="after")
    def _names_differ(self) -> "ClassesParams":
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"names a class twice: {list(self.names)}")
        return self


class TargetParams(Section):
    """What the network learns, drawn from the labels."""

    kind: Literal["rims", "footprint", "distance", "classes"]
    """What is drawn, as the section of that name says: footprints with their rims, footprints, signed distances, or
    classes."""

    shift_x_px: float = Field(default=0.0, ge=-4, le=4)
    """Shift of the mask to the right of the labels, pixels of the original image. Labels that are offset from the image
    blur what a network learns from flipped and turned tiles; ``output.tracks.shift_x_px`` shifts the outlines back."""

    shift_y_px: float = Field(default=0.0, ge=-4, le=4)
    """The same, downwards."""

    rims: RimsParams = RimsParams()
    """How kind ``rims`` is drawn."""

    footprint: FootprintParams = FootprintParams()
    """Kind ``footprint`` has nothing to choose."""

    distance: DistanceParams = DistanceParams()
    """How kind ``distance`` is drawn."""

    classes: ClassesParams = ClassesParams()
    """Which classes kind ``classes`` has."""

    @model_validator(mode="after")
    def _classes_are_named(self) -> "TargetParams":
        if self.kind == "classes" and len(self.classes.names) < LEAST_CLASSES:
            raise ValueError(f"classes.names must name two classes or more, got {list(self.classes.names)}")
        return self
