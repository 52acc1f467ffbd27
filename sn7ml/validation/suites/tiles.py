"""What must be true of a tile store: masks fit, and no split sees another."""

from sn7ml.params import SplitParams, TilingParams, ValidationParams
from sn7ml.validation.check import Check, at_least, at_most, none, one_of, rows_exist, true


def tile_checks(params: ValidationParams, tiling: TilingParams) -> tuple[Check, ...]:
    """Return the expectations about ``TILE_FACTS``."""
    return (
        Check(
            "there are tiled frames", "critical", rows_exist(),
            "Without tiles nothing can be trained.",
            "Run `dvc repro tile`.",
        ),
        Check(
            "images and masks can be read to the end", "critical", true("readable"),
            "A broken shard would stop a training hours from now.",
            "Run `dvc repro --force tile`.", "fault",
        ),
        Check(
            f"masks are their images enlarged {tiling.upsampling} times", "critical", true("mask_fits"),
            "A mask of another size teaches buildings in the wrong place.",
            "Run `dvc repro --force tile`.", "mask_size",
        ),
        Check(
            f"masks have {tiling.upsampling} pixels per image pixel", "critical", one_of("upsampling", float(tiling.upsampling)),
            "The network is built for tiling.upsampling.",
            "Run `dvc repro --force tile`.", "mask_size",
        ),
        Check(
            "images are as they were written", "critical", true("pixels_as_written"),
            "Somebody or a disk has changed the store: what is trained on is not what was validated.",
            "Run `dvc repro --force tile`.",
        ),
        Check(
            "masks are as they were written", "critical", true("masks_as_written"),
            "Somebody or a disk has changed the store: what is learned is not what the labels say.",
            "Run `dvc repro --force tile`.",
        ),
        Check(
            "mask pixels have known bits only", "critical", none("n_unknown_bits"),
            "Footprint, boundary, contact and unknown are all that the loss understands.",
            "Run `dvc repro --force tile`.",
        ),
        Check(
            f"the area of masks is within {params.max_mask_error:g} of that of their polygons", "critical",
            at_most("mask_error", params.max_mask_error),
            "Masks that show more or less than the labels are shifted, scaled, or of another frame.",
            "Compare labels and image; then run `dvc repro --force tile`.", "polygon_px2", "frame",
        ),
        Check(
            "tiles lie inside their image", "critical", none("n_off_image"),
            "What lies beyond the image is read as black ground without buildings.",
            "Run `dvc repro --force tile`.",
        ),
        Check(
            "frames have tiles", "warning", at_least("n_tiles", 1),
            "A frame without a tile is not used: it is too cloudy, or narrower than tiling.size_px.",
            "Nothing to do if it was cloudy; otherwise make tiling.size_px or split.gap_px smaller.", "", "frame",
        ),
        Check(
            f"tiles are at least {tiling.min_usable_fraction:g} usable", "critical",
            at_least("least_usable_fraction", tiling.min_usable_fraction),
            "Black pixels teach nothing; tiling.min_usable_fraction should have left these tiles out.",
            "Run `dvc repro --force tile`.", "n_tiles",
        ),
    )  # fmt: skip


def region_checks(split: SplitParams) -> tuple[Check, ...]:
    """Return the expectations about ``REGION_FACTS``."""
    return (
        Check(
            "there are regions", "critical", rows_exist(),
            "Without regions nobody knows what may be trained on.",
            "Run `dvc repro --force tile`.",
        ),
        Check(
            f"{split.gap_px} columns lie between two splits or folds of an AOI", "critical", at_least("gap_px", split.gap_px),
            "A network sees some pixels around each tile: without the gap it has seen what it is scored on.",
            "Run `dvc repro --force tile`.", "gap_to",
        ),
        Check(
            "AOIs of one group are in one split or fold", "critical", none("n_group_elsewhere"),
            "Neighbours share streets, roofs and light: scores on one of them are too good if the other was trained on.",
            "Run `dvc repro --force tile`.", "group_elsewhere",
        ),
        Check(
            "no frame lies in two splits or folds", "critical", none("n_shared_frames"),
            "The very pixels that are scored were trained on.",
            "Find out which AOI the frame belongs to and fetch the other one again.", "shared_with",
        ),
        Check(
            "tiles lie inside the columns of their split", "critical", none("n_tiles_outside"),
            "Such a tile shows another split's ground.",
            "Run `dvc repro --force tile`.", "n_tiles",
        ),
        Check(
            "every region has tiles", "warning", at_least("n_tiles", 1),
            "A split without tiles is neither trained on nor seen while training.",
            "Make tiling.size_px smaller, or the split's fraction larger.",
        ),
        Check(
            "every region has tiles with buildings", "warning", at_least("n_built_tiles", 1),
            "Quality on ground without buildings says nothing.",
            "Choose another split.seed, or a larger fraction.",
        ),
    )  # fmt: skip
