"""What must be true of every label file, and of the buildings in them through time."""

from sn7ml.core.geo.grid import WEB_MERCATOR
from sn7ml.params import ValidationParams
from sn7ml.validation.check import Check, at_most, between, none, one_of, rows_exist, true


def label_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``LABEL_FACTS``."""
    return (
        # Files.
        Check(
            "there are labels", "critical", rows_exist(),
            "Without labels nothing can be trained or scored.",
            "Add labels_match_pix or labels_match folders to the AOIs.",
        ),
        Check(
            "label files can be read", "critical", true("readable"),
            "A file that is no GeoJSON with integer Ids would stop a later stage.",
            "Fetch the file again.", "fault",
        ),
        Check(
            "an id names one building in a frame", "critical", none("n_duplicate_ids"),
            "The scorer sums the overlaps of rows that share an id, so all scores of the AOI would be wrong.",
            "Drop or merge the rows that share an id.", "duplicate_id", "building",
        ),
        Check(
            f"buildings stick out of the image by at most {params.max_outside_px:g} px", "critical",
            at_most("outside_px", params.max_outside_px),
            "A few pixels are normal; more means labels of another AOI, or coordinates in another CRS.",
            "Check that labels and image belong together, and that pixel labels hold pixels.", "outside_id",
        ),
        Check(
            "label files declare the CRS they are in", "warning", true("crs_ok"),
            f"Other programs believe it and put the buildings elsewhere: labels_match is EPSG:{WEB_MERCATOR}, pixels have none.",
            "Remove or correct the file's member crs; its coordinates are taken as the folder's name says.", "crs",
        ),
        Check(
            "label rows name their own image", "warning", none("n_other_image"),
            "Rows that name another image come from another month or AOI: the file may have been mixed up.",
            "Compare the file with the labels of the image that it names.", "other_image",
        ),
        Check(
            "no two AOIs have the same labels", "warning", one_of("duplicate_of", ""),
            "The same buildings in two places cannot both be true: one file lies in the wrong folder.",
            "Fetch the labels of this AOI again.", "duplicate_of",
        ),
        # Shapes.
        Check(
            "outlines are valid", "warning", none("n_invalid"),
            "The area of an outline that crosses itself is wrong; it is repaired on loading, which may change its shape.",
            "Repair it in the file (shapely.make_valid) to decide its shape yourself.", "invalid_id", "building",
        ),
        Check(
            "buildings are polygons", "warning", none("n_not_polygon"),
            "Lines and points are no footprints; they are left out.",
            "Draw the building as a polygon, or remove the row.",
        ),
        Check(
            "a building is one polygon", "warning", none("n_multi"),
            "Several parts under one id are one building to the scorer: finding each of them by itself counts as false.",
            "Give every part an id of its own, or join them.", "multi_id", "building",
        ),
        Check(
            "buildings have a shape", "warning", none("n_without_shape"),
            "A row with a building's id, but a null or EMPTY geometry, is left out: the building is missing in this month.",
            "Draw the building, or remove the row.",
        ),
        Check(
            "negative ids have no shape", "warning", none("n_negative_with_shape"),
            "A negative id marks a frame without buildings; a polygon under such an id is left out.",
            "Give the building an id of its own, from 0 on.",
        ),
        # Places.
        Check(
            "no building lies wholly off the image", "warning", none("n_outside"),
            "Nobody can find it, yet the scorer counts it as missed.",
            "Remove the row.",
        ),
        Check(
            f"at most {params.max_small_fraction:g} of the buildings are under 4 px²", "warning",
            at_most("small_fraction", params.max_small_fraction),
            "The scorer drops them from the truth, while finding them still costs false positives.",
            "Check the scale of the labels.", "area_p50_px2",
        ),
        Check(
            f"no building is larger than {params.max_area_px2:g} px²", "warning", at_most("max_area_px2", params.max_area_px2),
            "One outline round a whole quarter hides every building in it.",
            "Draw the buildings one by one, or raise validation.max_area_px2 if the building is real.", "largest_id", "building",
        ),
        Check(
            f"at most {params.max_overlap_fraction:g} of the buildings lie on one another", "warning",
            at_most("overlap_fraction", params.max_overlap_fraction),
            "Two outlines of one building: one of them will always be missed, and its mask is drawn once.",
            "Remove the second outline.", "overlap_id", "building",
        ),
        Check(
            f"at most {params.max_hidden_fraction:g} of the buildings are on unusable ground", "warning",
            at_most("hidden_fraction", params.max_hidden_fraction),
            "Nothing can be seen of them in this month, yet the scorer counts them as missed.",
            "Remove them from this month, as SpaceNet 7 does, or check the UDM mask.", "hidden_id", "building",
        ),
    )  # fmt: skip


def identity_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``IDENTITY_FACTS``."""
    return (
        Check(
            "there are labels to follow through time", "critical", rows_exist(),
            "Without a readable label file there are no buildings to follow.",
            "See the expectations about labels.",
        ),
        Check(
            f"at most {params.max_birth_fraction:g} of the buildings are new in a month", "warning",
            at_most("birth_fraction", params.max_birth_fraction),
            "Towns do not grow like this: the ids or the registration of this month have broken.",
            "Compare the month's labels with those before it.", "births",
        ),
        Check(
            f"at most {params.max_death_fraction:g} of the buildings are gone in a month", "warning",
            at_most("death_fraction", params.max_death_fraction),
            "Buildings are rarely demolished: ids were renumbered, or part of the file is missing.",
            "Compare the month's labels with those before it.", "dead_id",
        ),
        Check(
            f"at most {params.max_return_fraction:g} of the buildings come back in a month", "warning",
            at_most("return_fraction", params.max_return_fraction),
            "Buildings that skip a month were under cloud, or that month's file was incomplete.",
            "Compare with the month before; nothing to do if it was cloudy.", "return_id", "building",
        ),
        Check(
            f"the number of buildings changes by at most {params.max_count_change:g} from month to month", "warning",
            between("count_change", -params.max_count_change, params.max_count_change),
            "A jump in the count is a break in the labels, not in the town.",
            "Compare the month's labels with those before and after it.", "before",
        ),
        Check(
            f"at most {params.max_changed_fraction:g} of the buildings differ from their own first outline", "warning",
            at_most("changed_fraction", params.max_changed_fraction),
            "SpaceNet 7 keeps one outline per building: another one under the same id is another building, or moved labels.",
            "Compare the outline with that of the building's first month.", "changed_id", "building",
        ),
        Check(
            f"labels lie within {params.max_label_shift_px:g} px of their own first place", "warning",
            at_most("label_shift_px", params.max_label_shift_px),
            "If all labels of a month moved together, they were placed with another grid than the others.",
            "Place the month's labels by the AOI's grid again.", "n_followed",
        ),
    )  # fmt: skip
