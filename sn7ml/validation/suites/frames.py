"""What must be true of every image."""

from sn7ml.core.geo.grid import WEB_MERCATOR
from sn7ml.params import ValidationParams
from sn7ml.validation.check import Check, at_least, at_most, between, one_of, rows_exist, same, true

MAX_TILE_OFFSET_PX = 1.5
"""Images of 1023 pixels may lack a row or column on any side, so one pixel is no fault."""


def frame_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``FRAME_FACTS``."""
    low, high = params.sides_px

    def side(column: str) -> Check:
        return Check(
            f"images have {low} to {high} {column}", "critical", between(column, low, high),
            "A size far from SpaceNet 7's 1023 or 1024 means a cropped, resampled or wrong file.",
            "Replace the file, or widen validation.sides_px if such images are wanted.",
        )  # fmt: skip

    return (
        # Files.
        Check(
            "there are frames", "critical", rows_exist(),
            "An empty table would let every other expectation pass.",
            "Check the data folder: it needs AOI folders with images, in train or test_public or at the top.",
        ),
        Check(
            "names are SpaceNet 7's", "critical", true("stem_ok"),
            "The scorer cuts AOI and month out of a 58-character name by position; another name makes AOIs collide.",
            "Rename to global_monthly_YYYY_MM_mosaic_AOI.tif.",
        ),
        Check(
            "images can be read to the end", "critical", true("readable"),
            "A truncated or foreign file would stop a later stage hours from now, or train on black blocks.",
            "Fetch the file again.", "fault",
        ),
        Check(
            "images have 4 bands", "critical", one_of("bands", 4),
            "The bands are red, green, blue and alpha; without alpha, blanked ground counts as ground without buildings.",
            "Export the frame with its alpha band.",
        ),
        Check(
            "images are uint8", "critical", one_of("dtype", "uint8"),
            "Other ranges of values mean another product than the mosaics that the network learns from.",
            "Export the visual product, scaled to 0..255.",
        ),
        Check(
            "bands are red, green, blue and alpha", "critical", one_of("bands_fault", ""),
            "Bands in another order, inks, or scaled bytes are no image that the network knows, and the tile stage refuses them.",
            "Write the file again with its bands in this order and with these meanings.", "bands_fault",
        ),
        Check(
            f"images are in EPSG:{WEB_MERCATOR}", "critical", one_of("epsg", WEB_MERCATOR),
            "Labels are placed by this CRS; so are footprints that leave the pipeline. 0 stands for none.",
            f"Warp the frame to EPSG:{WEB_MERCATOR} on the grid of the AOI's other months, or declare it if merely missing.",
        ),
        Check(
            "UDM masks can be read and fit their image", "critical", true("udm_ok"),
            "The mask of unusable ground is laid over the image pixel by pixel; one that does not fit stops the tile stage.",
            "Fetch the mask again, or remove it: alpha 0 says the same in images_masked.", "udm_fault",
        ),
        # Months.
        Check(
            "every label month has an image", "critical", true("has_image"),
            "Labels of a month that was never imaged are lost in silence, and the births of the next month come out wrong.",
            "Add the missing image, or remove the label file.",
        ),
        Check(
            "images_masked has every month of images", "critical", true("in_masked"),
            "Where there is images_masked, it alone is read: a month that only images holds is lost in silence.",
            "Add the masked image, or remove the AOI's images_masked to use images.",
        ),
        Check(
            "images has every month of images_masked", "warning", true("in_unmasked"),
            "The masked image is used, so nothing is lost; but an original is missing, and the download may be incomplete.",
            "Fetch the original, or remove the AOI's folder images.",
        ),
        Check(
            "images have labels", "warning", true("has_labels"),
            "A frame without labels neither trains nor scores, and births in its month are counted a month late.",
            "Fetch the label file, or accept that the frame is only predicted.",
        ),
        Check(
            f"at most {params.max_gap_months} month(s) are missing between two", "warning",
            at_most("gap_months", params.max_gap_months),
            "Buildings born in the gap are all dated to the month after it.",
            "Fetch the months between, if they exist.",
        ),
        Check(
            "no two frames hold the same pixels", "warning", one_of("duplicate_of", ""),
            "A copy in place of a month says that nothing changed; a copy in another AOI can be both trained on and scored.",
            "Fetch the file of this month again.", "duplicate_of", "frame",
        ),
        # Grids.
        side("rows"),
        side("cols"),
        Check(
            "images are north up with square pixels", "critical", true("north_up"),
            "Rotated, mirrored or unplaced pixels would put labels and footprints elsewhere.",
            "Warp the frame to the grid of its siblings, or give it its transform.", "transform",
        ),
        Check(
            "all months of an AOI share one grid", "critical", same("grid", "usual_grid"),
            "Buildings are followed through time pixel by pixel; a month on another grid gives false births everywhere.",
            "Warp the month to the grid of its siblings.", "usual_grid", "frame",
        ),
        Check(
            "images lie on the tile that the AOI's name states", "warning", at_most("tile_offset_px", MAX_TILE_OFFSET_PX),
            "Neighbouring AOIs are kept in one split by the tile in their names; a wrong name leaks test ground into training.",
            "Check that folder and image belong together. A deliberate crop may stay.", "transform",
        ),
        Check(
            f"a block holds at most {params.max_block_px:,} pixels", "warning", at_most("block_px", params.max_block_px),
            "To read one pixel, its whole block is decoded: large blocks make every window slow and large in memory.",
            "Write the file again, tiled (gdal_translate -co TILED=YES).", "block",
        ),
        # Pixels of a month by itself.
        Check(
            f"at least {params.min_usable_fraction:g} of an image is usable", "warning",
            at_least("usable_fraction", params.min_usable_fraction),
            "Under cloud nothing can be learned and buildings seem to vanish for a month.",
            "Nothing to do if the month was cloudy; otherwise check the alpha band.", "", "frame",
        ),
        Check(
            "alpha is 0 or 255", "warning", true("alpha_is_binary"),
            "Alpha marks usable ground and nothing between: other values hint at another band in its place.",
            "Check the order of the bands.", "", "frame",
        ),
        Check(
            f"grey levels deviate by at least {params.min_contrast:g}", "warning", at_least("contrast", params.min_contrast),
            "An even picture shows no buildings, whatever its labels say: fog, or a failed export.",
            "Look at the frame; leave it out if nothing can be seen.", "", "frame",
        ),
        Check(
            f"at most {params.max_black_fraction:g} of the usable pixels are black", "warning",
            at_most("black_fraction", params.max_black_fraction),
            "Ground that was blanked without alpha 0 is learned as ground without buildings.",
            "Set alpha to 0 there.", "", "frame",
        ),
        # Pixels beside those of the other months.
        Check(
            f"a month's brightness is within {params.max_brightness_change:g} of its AOI's median", "warning",
            at_most("brightness_change", params.max_brightness_change),
            "A sudden change of brightness is snow, haze or another scaling, and makes every tracker see change.",
            "Look at the frame; snow and haze are real, another scaling can be undone.", "brightness", "frame",
        ),
        Check(
            f"a month has at least {params.min_sharpness_ratio:g} of its AOI's median sharpness", "warning",
            at_least("sharpness_ratio", params.min_sharpness_ratio),
            "Buildings are three pixels wide: what is blurred away cannot be found, and seems to vanish for a month.",
            "Look at the frame; fetch it again if it was resampled.", "sharpness", "frame",
        ),
        Check(
            f"months lie within {params.max_shift_px:g} px of their AOI's median", "warning",
            at_most("shift_px", params.max_shift_px),
            "A shifted month moves buildings of three pixels off their labels: false births, and blurred masks.",
            "Register the month to its siblings again.", "", "frame",
        ),
        Check(
            f"months correlate by at least {params.min_similarity:g} with their AOI's median", "warning",
            at_least("similarity", params.min_similarity),
            "A month that looks like none of the others shows other ground, is mirrored, or is all cloud.",
            "Check that the file belongs to this AOI.", "", "frame",
        ),
    )  # fmt: skip
