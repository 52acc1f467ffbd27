"""What must be true of a tile store: masks fit, and no split sees another."""

from functools import partial

from sn7ml.params import SplitParams, TilingParams, ValidationParams
from sn7ml.validation.check import Check, at_least, at_most, critical, none, one_of, rows_exist, true, warning

cut_again = partial(critical, cure="Run `dvc repro --force tile`.")
"""Of what only a damaged store or a defect can bring about."""


def tile_checks(params: ValidationParams, tiling: TilingParams) -> tuple[Check, ...]:
    """Return the expectations about ``TILE_FACTS``."""
    return (
        critical("there are tiled frames", rows_exist(),
            "Without tiles nothing can be trained.",
            "Run `dvc repro tile`."),
        cut_again("images and masks can be read to the end", true("readable"),
            "A broken shard would stop a training hours from now.", detail="fault"),
        cut_again(f"masks are their images enlarged {tiling.upsampling} times", true("mask_fits"),
            "A mask of another size teaches buildings in the wrong place.", detail="mask_size"),
        cut_again(f"masks have {tiling.upsampling} pixels per image pixel",
            one_of("upsampling", float(tiling.upsampling)),
            "The network is built for tiling.upsampling.", detail="mask_size"),
        cut_again("images are as they were written", true("pixels_as_written"),
            "Somebody or a disk has changed the store: what is trained on is not what was validated."),
        cut_again("masks are as they were written", true("masks_as_written"),
            "Somebody or a disk has changed the store: what is learned is not what the labels say."),
        cut_again("mask pixels have known bits only", none("n_unknown_bits"),
            "Footprint, boundary, contact and unknown are all that the loss understands."),
        critical(f"the area of masks is within {params.max_mask_error:g} of that of their polygons",
            at_most("mask_error", params.max_mask_error),
            "Masks that show more or less than the labels are shifted, scaled, or of another frame.",
            "Compare labels and image; then run `dvc repro --force tile`.", detail="polygon_px2", picture="frame"),
        cut_again("tiles lie inside their image", none("n_off_image"),
            "What lies beyond the image is read as black ground without buildings."),
        warning("frames have tiles", at_least("n_tiles", 1),
            "A frame without a tile is not used: it is too cloudy, or narrower than tiling.size_px.",
            "Nothing to do if it was cloudy; otherwise make tiling.size_px or split.gap_px smaller.", picture="frame"),
        cut_again(f"tiles are at least {tiling.min_usable_fraction:g} usable",
            at_least("least_usable_fraction", tiling.min_usable_fraction),
            "Black pixels teach nothing; tiling.min_usable_fraction should have left these tiles out.",
            detail="n_tiles"),
    )  # fmt: skip


def region_checks(split: SplitParams) -> tuple[Check, ...]:
    """Return the expectations about ``REGION_FACTS``."""
    return (
        cut_again("there are regions", rows_exist(),
            "Without regions nobody knows what may be trained on."),
        cut_again(f"{split.gap_px} columns lie between two splits or folds of an AOI",
            at_least("gap_px", split.gap_px),
            "A network sees some pixels around each tile: without the gap it has seen what it is scored on.",
            detail="gap_to"),
        cut_again("AOIs of one group are in one split or fold", none("n_group_elsewhere"),
            "Neighbours share streets, roofs and light: scores on one are too good if the other was trained on.",
            detail="group_elsewhere"),
        critical("no frame lies in two splits or folds", none("n_shared_frames"),
            "The very pixels that are scored were trained on.",
            "Find out which AOI the frame belongs to and fetch the other one again.", detail="shared_with"),
        cut_again("tiles lie inside the columns of their split", none("n_tiles_outside"),
            "Such a tile shows another split's ground.", detail="n_tiles"),
        warning("every region has tiles", at_least("n_tiles", 1),
            "A split without tiles is neither trained on nor seen while training.",
            "Make tiling.size_px smaller, or the split's fraction larger."),
        warning("every region has tiles with buildings", at_least("n_built_tiles", 1),
            "Quality on ground without buildings says nothing.",
            "Choose another split.seed, or a larger fraction."),
    )  # fmt: skip
