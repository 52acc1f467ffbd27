"""The expectations: what must be true of each table of facts, how bad it is if not, why, and what to do.

Missing facts are not judged: a file that cannot be read fails for that, and for nothing else.
"""

from dataclasses import dataclass
from typing import Any

from sn7ml.data.catalog import PARTS
from sn7ml.geo.grid import WEB_MERCATOR
from sn7ml.params import ValidationParams
from sn7ml.validation.gx import expectations as gxe
from sn7ml.validation.report import Severity

MAX_TILE_OFFSET_PX = 1.5
"""Images of 1023 pixels may lack a row or column on any side, so one pixel is no fault."""


@dataclass(frozen=True)
class Check:
    """One expectation with its reasons."""

    name: str
    """What is expected, as a sentence; unique in its suite."""

    severity: Severity
    expectation: Any
    """Of Great Expectations, without severity, meta and notes."""

    why: str
    cure: str
    detail: str = ""
    """The column that says more about an offender than the judged value."""

    @property
    def column(self) -> str:
        """Return the judged column; "" if the table as a whole is judged."""
        return str(getattr(self.expectation, "column", ""))

    def bound(self) -> Any:
        """Return the expectation as Great Expectations runs it, carrying severity and reasons."""
        changes = {
            "severity": self.severity,
            "meta": {"name": self.name, "why": self.why, "cure": self.cure},
            "notes": f"{self.why} {self.cure}",
        }
        return self.expectation.copy(update=changes)


def suites(params: ValidationParams) -> dict[str, tuple[Check, ...]]:
    """Return table name → its expectations; the tables are ``frames`` and ``labels``."""
    return {
        "frames": (*_frame_files(), *_frame_grids(params)),
        "labels": (*_label_files(params), *_label_habits(params)),
    }


def _true(column: str) -> Any:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[True])


def _one_of(column: str, *allowed: Any) -> Any:
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(allowed))


def _none(column: str) -> Any:
    return _at_most(column, 0)


def _at_most(column: str, highest: float) -> Any:
    return gxe.ExpectColumnValuesToBeBetween(column=column, max_value=highest)


def _frame_files() -> tuple[Check, ...]:
    return (
        Check(
            "there are frames", "critical", gxe.ExpectTableRowCountToBeBetween(min_value=1),
            "An empty table would let every other expectation pass.",
            f"Check the data folder: it needs AOI folders with images, in {' or '.join(PARTS)} or at the top.",
        ),
        Check(
            "every label month has an image", "critical", _true("has_image"),
            "Labels of a month that was never imaged are lost in silence, and the births of the next month come out wrong.",
            "Add the missing image, or remove the label file.",
        ),
        Check(
            "names are SpaceNet 7's", "critical", _true("stem_ok"),
            "The scorer cuts AOI and month out of a 58-character name by position; another name makes AOIs collide.",
            "Rename to global_monthly_YYYY_MM_mosaic_AOI.tif.",
        ),
        Check(
            "images can be read to the end", "critical", _true("readable"),
            "A truncated or foreign file would stop a later stage hours from now, or train on black blocks.",
            "Fetch the file again.", "fault",
        ),
        Check(
            "images have 4 bands", "critical", _one_of("bands", 4),
            "The bands are red, green, blue and alpha; without alpha, blanked ground counts as ground without buildings.",
            "Export the frame with its alpha band.",
        ),
        Check(
            "images are uint8", "critical", _one_of("dtype", "uint8"),
            "Other ranges of values mean another product than the mosaics that the network learns from.",
            "Export the visual product, scaled to 0..255.",
        ),
        Check(
            f"images are in EPSG:{WEB_MERCATOR}", "critical", _one_of("epsg", WEB_MERCATOR),
            "Labels are placed by this CRS; so are footprints that leave the pipeline. 0 stands for none.",
            f"Warp the frame to EPSG:{WEB_MERCATOR} on the grid of the AOI's other months, or declare it if merely missing.",
        ),
    )  # fmt: skip


def _frame_grids(params: ValidationParams) -> tuple[Check, ...]:
    low, high = params.sides_px

    def side(column: str) -> Check:
        return Check(
            f"images have {low} to {high} {column}", "critical",
            gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high),
            "A size far from SpaceNet 7's 1023 or 1024 means a cropped, resampled or wrong file.",
            "Replace the file, or widen validation.sides_px if such images are wanted.",
        )  # fmt: skip

    return (
        side("rows"),
        side("cols"),
        Check(
            "images are north up with square pixels", "critical", _true("north_up"),
            "Rotated, mirrored or unplaced pixels would put labels and footprints elsewhere.",
            "Warp the frame to the grid of its siblings, or give it its transform.", "transform",
        ),
        Check(
            "all months of an AOI share one grid", "critical", _true("grid_agrees"),
            "Buildings are followed through time pixel by pixel; a month on another grid gives false births everywhere.",
            "Warp the month to the grid of its siblings.", "transform",
        ),
        Check(
            "images lie on the tile that the AOI's name states", "warning", _at_most("tile_offset_px", MAX_TILE_OFFSET_PX),
            "Neighbouring AOIs are kept in one split by the tile in their names; a wrong name leaks test ground into training.",
            "Check that folder and image belong together. A deliberate crop may stay.", "transform",
        ),
        Check(
            f"at least {params.min_usable_fraction:g} of an image is usable", "warning",
            gxe.ExpectColumnValuesToBeBetween(column="usable_fraction", min_value=params.min_usable_fraction),
            "Under cloud nothing can be learned and buildings seem to vanish for a month.",
            "Nothing to do if the month was cloudy; otherwise check the alpha band.",
        ),
        Check(
            "images have labels", "warning", _true("has_labels"),
            "A frame without labels neither trains nor scores, and births in its month are counted a month late.",
            "Fetch the label file, or accept that the frame is only predicted.",
        ),
    )  # fmt: skip


def _label_files(params: ValidationParams) -> tuple[Check, ...]:
    return (
        Check(
            "there are labels", "critical", gxe.ExpectTableRowCountToBeBetween(min_value=1),
            "Without labels nothing can be trained or scored.",
            "Add labels_match_pix or labels_match folders to the AOIs.",
        ),
        Check(
            "label files can be read", "critical", _true("readable"),
            "A file that is no GeoJSON with integer Ids would stop a later stage.",
            "Fetch the file again.", "fault",
        ),
        Check(
            "an id names one building in a frame", "critical", _none("n_duplicate_ids"),
            "The scorer sums the overlaps of rows that share an id, so all scores of the AOI would be wrong.",
            "Drop or merge the rows that share an id.", "duplicate_id",
        ),
        Check(
            f"buildings stick out of the image by at most {params.max_outside_px:g} px", "critical",
            _at_most("outside_px", params.max_outside_px),
            "A few pixels are normal; more means labels of another AOI, or coordinates in another CRS.",
            "Check that labels and image belong together, and that pixel labels hold pixels.", "outside_id",
        ),
    )  # fmt: skip


def _label_habits(params: ValidationParams) -> tuple[Check, ...]:
    return (
        Check(
            "outlines are valid", "warning", _none("n_invalid"),
            "The area of an outline that crosses itself is wrong; it is repaired on loading, which may change its shape.",
            "Repair it in the file (shapely.make_valid) to decide its shape yourself.", "invalid_id",
        ),
        Check(
            "buildings are polygons", "warning", _none("n_not_polygon"),
            "Lines and points are no footprints; they are left out.",
            "Draw the building as a polygon, or remove the row.",
        ),
        Check(
            "buildings have a shape", "warning", _none("n_without_shape"),
            "A row with a building's id, but a null or EMPTY geometry, is left out: the building is missing in this month.",
            "Draw the building, or remove the row.",
        ),
        Check(
            "negative ids have no shape", "warning", _none("n_negative_with_shape"),
            "A negative id marks a frame without buildings; a polygon under such an id is left out.",
            "Give the building an id of its own, from 0 on.",
        ),
        Check(
            "no building lies wholly off the image", "warning", _none("n_outside"),
            "Nobody can find it, yet the scorer counts it as missed.",
            "Remove the row.",
        ),
        Check(
            f"at most {params.max_small_fraction:g} of the buildings are under 4 px²", "warning",
            _at_most("small_fraction", params.max_small_fraction),
            "The scorer drops them from the truth, while finding them still costs false positives.",
            "Check the scale of the labels.",
        ),
        Check(
            f"at most {params.max_birth_fraction:g} of the buildings are new in a month", "warning",
            _at_most("birth_fraction", params.max_birth_fraction),
            "Towns do not grow like this: the ids or the registration of this month have broken.",
            "Compare the month's labels with those before it.", "births",
        ),
    )  # fmt: skip
