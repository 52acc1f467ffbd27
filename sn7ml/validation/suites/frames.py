"""What must be true of every image."""

from sn7ml.core.geo.grid import WEB_MERCATOR
from sn7ml.params import ValidationParams
from sn7ml.validation.check import Check, at_least, at_most, between, critical, one_of, rows_exist, same, true, warning

MAX_TILE_OFFSET_PX = 1.5
"""Images of 1023 pixels may lack a row or column on any side, so one pixel is no fault."""


def frame_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``FRAME_FACTS``."""
    low, high = params.sides_px

    def side(column: str) -> Check:
        return critical(f"images have {low} to {high} {column}", between(column, low, high),
            "A size far from SpaceNet 7's 1023 or 1024 means a cropped, resampled or wrong file.",
            "Replace the file, or widen validation.sides_px if such images are wanted.")  # fmt: skip

    return (
        # Files.
        critical("there are frames", rows_exist(),
            "An empty table would let every other expectation pass.",
            "Check the data folder: it needs AOI folders with images, in train or test_public or at the top."),
        critical("names are SpaceNet 7's", true("stem_ok"),
            "The scorer cuts AOI and month out of a 58-character name by position; another name makes AOIs collide.",
            "Rename to global_monthly_YYYY_MM_mosaic_AOI.tif."),
        critical("images can be read to the end", true("readable"),
            "A truncated or foreign file would stop a later stage hours from now, or train on black blocks.",
            "Fetch the file again.", detail="fault"),
        critical("images have 4 bands", one_of("bands", 4),
            "Without alpha as the fourth band, blanked ground counts as ground without buildings.",
            "Export the frame with its alpha band."),
        critical("images are uint8", one_of("dtype", "uint8"),
            "Other ranges of values mean another product than the mosaics that the network learns from.",
            "Export the visual product, scaled to 0..255."),
        critical("bands are red, green, blue and alpha", one_of("bands_fault", ""),
            "The network knows no bands in another order, inks or scaled bytes, and the tile stage refuses them.",
            "Write the file again with its bands in this order and with these meanings.", detail="bands_fault"),
        critical(f"images are in EPSG:{WEB_MERCATOR}", one_of("epsg", WEB_MERCATOR),
            "Labels are placed by this CRS; so are footprints that leave the pipeline. 0 stands for none.",
            f"Warp the frame to EPSG:{WEB_MERCATOR} on the grid of the AOI's other months, or declare a CRS."),
        critical("UDM masks can be read and fit their image", true("udm_ok"),
            "The mask is laid over the image pixel by pixel; one that does not fit stops the tile stage.",
            "Fetch the mask again, or remove it: alpha 0 says the same in images_masked.", detail="udm_fault"),
        # Months.
        critical("every label month has an image", true("has_image"),
            "Labels of a month without an image are lost in silence, and the births of the next month come out wrong.",
            "Add the missing image, or remove the label file."),
        critical("images_masked has every month of images", true("in_masked"),
            "Where there is images_masked, it alone is read: a month that only images holds is lost in silence.",
            "Add the masked image, or remove the AOI's images_masked to use images."),
        warning("images has every month of images_masked", true("in_unmasked"),
            "The masked image is used, so nothing is lost; but the download may be incomplete.",
            "Fetch the original, or remove the AOI's folder images."),
        warning("images have labels", true("has_labels"),
            "A frame without labels neither trains nor scores, and births in its month are counted a month late.",
            "Fetch the label file, or accept that the frame is only predicted."),
        warning(f"at most {params.max_gap_months} month(s) are missing between two",
            at_most("gap_months", params.max_gap_months),
            "Buildings born in the gap are all dated to the month after it.",
            "Fetch the months between, if they exist."),
        warning("no two frames hold the same pixels", one_of("duplicate_of", ""),
            "A copied month says that nothing changed; a copy in another AOI can be both trained on and scored.",
            "Fetch the file of this month again.", detail="duplicate_of", picture="frame"),
        # Grids.
        side("rows"),
        side("cols"),
        critical("images are north up with square pixels", true("north_up"),
            "Rotated, mirrored or unplaced pixels would put labels and footprints elsewhere.",
            "Warp the frame to the grid of its siblings, or give it its transform.", detail="transform"),
        critical("all months of an AOI share one grid", same("grid", "usual_grid"),
            "Buildings are followed pixel by pixel; a month on another grid gives false births everywhere.",
            "Warp the month to the grid of its siblings.", detail="usual_grid", picture="frame"),
        warning("images lie on the tile that the AOI's name states", at_most("tile_offset_px", MAX_TILE_OFFSET_PX),
            "The tile in their names keeps neighbouring AOIs in one split; a wrong name leaks test ground.",
            "Check that folder and image belong together. A deliberate crop may stay.", detail="transform"),
        warning(f"a block holds at most {params.max_block_px:,} pixels", at_most("block_px", params.max_block_px),
            "To read one pixel, its whole block is decoded: large blocks make every window slow and large in memory.",
            "Write the file again, tiled (gdal_translate -co TILED=YES).", detail="block"),
        # Pixels of a month by itself.
        warning(f"at least {params.min_usable_fraction:g} of an image is usable",
            at_least("usable_fraction", params.min_usable_fraction),
            "Under cloud nothing can be learned and buildings seem to vanish for a month.",
            "Nothing to do if the month was cloudy; otherwise check the alpha band.", picture="frame"),
        warning("alpha is 0 or 255", true("alpha_is_binary"),
            "Alpha marks usable ground and nothing between: other values hint at another band in its place.",
            "Check the order of the bands.", picture="frame"),
        warning(f"grey levels deviate by at least {params.min_contrast:g}", at_least("contrast", params.min_contrast),
            "An even picture shows no buildings, whatever its labels say: fog, or a failed export.",
            "Look at the frame; leave it out if nothing can be seen.", picture="frame"),
        warning(f"at most {params.max_black_fraction:g} of the usable pixels are black",
            at_most("black_fraction", params.max_black_fraction),
            "Ground that was blanked without alpha 0 is learned as ground without buildings.",
            "Set alpha to 0 there.", picture="frame"),
        # Pixels beside those of the other months.
        warning(f"a month's brightness is within {params.max_brightness_change:g} of its AOI's median",
            at_most("brightness_change", params.max_brightness_change),
            "A sudden change of brightness is snow, haze or another scaling, and makes every tracker see change.",
            "Look at the frame; snow and haze are real, another scaling can be undone.",
            detail="brightness", picture="frame"),
        warning(f"a month has at least {params.min_sharpness_ratio:g} of its AOI's median sharpness",
            at_least("sharpness_ratio", params.min_sharpness_ratio),
            "Buildings are three pixels wide: what is blurred away cannot be found, and seems to vanish for a month.",
            "Look at the frame; fetch it again if it was resampled.", detail="sharpness", picture="frame"),
        warning(f"months lie within {params.max_shift_px:g} px of their AOI's median",
            at_most("shift_px", params.max_shift_px),
            "A shifted month moves buildings of three pixels off their labels: false births, and blurred masks.",
            "Register the month to its siblings again.", picture="frame"),
        warning(f"months correlate by at least {params.min_similarity:g} with their AOI's median",
            at_least("similarity", params.min_similarity),
            "A month that looks like none of the others shows other ground, is mirrored, or is all cloud.",
            "Check that the file belongs to this AOI.", picture="frame"),
    )  # fmt: skip
