"""What must be true of the buildings that the pipeline found."""

from sn7ml.params import ValidationParams
from sn7ml.validation.check import Check, at_most, between, known, none, rows_exist, true
from sn7ml.validation.suites.custom import ExpectColumnValuesToBeValidPolygons

ONE_OUTLINE = frozenset({"changepoint", "collapse"})
"""Trackers that promise one outline per building, from its birth to the end."""


def track_checks(method: str) -> tuple[Check, ...]:
    """Return the expectations about ``TRACK_FACTS``: more of trackers that promise more."""
    common = (
        Check(
            "there are files of footprints", "critical", rows_exist(),
            "Nothing was predicted, so nothing can be scored.",
            "Check predict.splits and run `dvc repro track`.",
        ),
        Check(
            "footprints can be read", "critical", true("readable"),
            "An AOI whose file is missing or broken would be scored as empty.",
            "Run `dvc repro --force track`.", "fault",
        ),
        Check(
            "footprints are in the CRS of their images", "critical", true("crs_ok"),
            "QGIS and the scorer would put them elsewhere.",
            "Run `dvc repro --force track`.", "epsg",
        ),
        Check(
            "an id names one footprint in a frame", "critical", none("n_duplicates"),
            "The scorer sums the overlaps of rows that share an id, so all scores of the AOI would be wrong.",
            "A defect of the tracker: please report it with params.yaml.", "duplicate_id", "building",
        ),
        Check(
            "a building has one birth month, and is not seen before it", "critical", none("n_births_disagree"),
            "Change is scored by the first month in which an id is seen; a birth month that differs is false.",
            "A defect of the tracker: please report it with params.yaml.", "birth_id",
        ),
    )  # fmt: skip
    if method not in ONE_OUTLINE:
        return common
    return (
        *common,
        Check(
            "a building keeps its outline", "critical", none("n_reshaped"),
            f"The tracker {method} promises one outline per building.",
            "A defect of the tracker: please report it with params.yaml.", "reshaped_id", "building",
        ),
    )  # fmt: skip


def footprint_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``FOOTPRINT_FACTS``."""
    return (
        Check(
            "buildings were found", "warning", rows_exist(),
            "A model that finds nothing scores 0; the scores will say so, so the pipeline goes on.",
            "Train for longer, or lower the thresholds in section track.",
        ),
        Check(
            "footprints have a shape", "critical", known("geometry"),
            "The scorer counts a row without a shape as one false building.",
            "A defect of the tracker: please report it with params.yaml.", "id",
        ),
        Check(
            "footprints are valid polygons", "critical", ExpectColumnValuesToBeValidPolygons(column="geometry"),
            "The scorer's area of an outline that crosses itself is wrong, and so is its overlap.",
            "A defect of the tracker: please report it with params.yaml.", "id", "building",
        ),
        Check(
            "footprints belong to a month with an image", "critical", true("month_known"),
            "What is found in a month that was never imaged cannot be true.",
            "Run `dvc repro --force track`.", "id",
        ),
        Check(
            f"footprints stick out of what was predicted by at most {params.max_outside_px:g} px", "critical",
            at_most("outside_px", params.max_outside_px),
            "There is nothing to be found there: the file is of another AOI or in other coordinates.",
            "Run `dvc repro --force track`.", "id",
        ),
        Check(
            "confidence lies between 0 and 1", "critical", between("confidence", 0, 1),
            "It is a mean of probabilities.",
            "A defect of the tracker: please report it with params.yaml.", "id",
        ),
        Check(
            "the probability of a birth lies between 0 and 1", "critical", between("birth_probability", 0, 1),
            "It is a probability.",
            "A defect of the tracker: please report it with params.yaml.", "id",
        ),
    )  # fmt: skip


def count_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``COUNT_FACTS``."""
    ratio = params.max_density_ratio
    return (
        Check(
            "frames were predicted", "critical", rows_exist(),
            "No frame of the predicted splits has readable footprints.",
            "Check predict.splits and run `dvc repro track`.",
        ),
        Check(
            f"buildings are found at most {ratio:g} times as densely, or thinly, as where it was learned", "warning",
            between("density_ratio", 1 / ratio, ratio),
            "Far more or far fewer than in any AOI that was learned from: other ground, or a model that has lost its way.",
            "Look at the overlays of this AOI; compare its brightness with that of the training data.", "n", "found",
        ),
        Check(
            f"their median size is within a factor of {ratio:g} of what was learned", "warning",
            between("area_ratio", 1 / ratio, ratio),
            "Footprints that merge or crumble are other buildings to the scorer.",
            "Look at the overlays; tune seed and flood thresholds of section track.", "area_p50_px2", "found",
        ),
    )  # fmt: skip
