"""What must be true of the buildings that the pipeline found."""

from functools import partial

from sn7ml.params import ValidationParams
from sn7ml.validation.check import Check, at_most, between, critical, known, none, rows_exist, true, warning

EXTRACT = "Check predict.splits and run `dvc repro extract`."
extract_again = partial(critical, cure="Run `dvc repro --force extract`.")
defect = partial(critical, cure="A defect of the tracker: please report it with params.yaml.")

ONE_OUTLINE = frozenset({"changepoint", "collapse"})
"""Trackers that promise one outline per building, from its birth to the end."""


def file_checks() -> tuple[Check, ...]:
    """Return the expectations about ``TRACK_FACTS`` that hold for whatever was found."""
    return (
        critical("there are files of footprints", rows_exist(),
            "Nothing was predicted, so nothing can be scored.",
            EXTRACT),
        extract_again("footprints can be read", true("readable"),
            "An AOI whose file is missing or broken would be scored as empty.", detail="fault"),
        extract_again("footprints are in the CRS of their images", true("crs_ok"),
            "QGIS and the scorer would put them elsewhere.", detail="epsg"),
        defect("an id names one footprint in a frame", none("n_duplicates"),
            "The scorer sums the overlaps of rows that share an id, so all scores of the AOI would be wrong.",
            detail="duplicate_id", picture="building"),
    )  # fmt: skip


def track_checks(method: str) -> tuple[Check, ...]:
    """Return the expectations about ``TRACK_FACTS``: more of trackers that promise more."""
    common = (
        *file_checks(),
        defect("a building has one birth month, and is not seen before it", none("n_births_disagree"),
            "Change is scored by the first month in which an id is seen; a birth month that differs is false.",
            detail="birth_id"),
    )  # fmt: skip
    if method not in ONE_OUTLINE:
        return common
    return (
        *common,
        defect("a building keeps its outline", none("n_reshaped"),
            f"The tracker {method} promises one outline per building.", detail="reshaped_id", picture="building"),
    )  # fmt: skip


def building_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``FOOTPRINT_FACTS`` of single images."""
    return (
        warning("buildings were found", rows_exist(),
            "A model that finds nothing scores 0; the scores will say so, so the pipeline goes on.",
            "Train for longer, or lower the thresholds in output.buildings."),
        *_shape_checks(params),
    )  # fmt: skip


def footprint_checks(params: ValidationParams) -> tuple[Check, ...]:
    """Return the expectations about ``FOOTPRINT_FACTS``."""
    return (
        warning("buildings were found", rows_exist(),
            "A model that finds nothing scores 0; the scores will say so, so the pipeline goes on.",
            "Train for longer, or lower the thresholds in output.tracks."),
        *_shape_checks(params),
        defect("the probability of a birth lies between 0 and 1", between("birth_probability", 0, 1),
            "It is a probability.", detail="id"),
    )  # fmt: skip


def _shape_checks(params: ValidationParams) -> tuple[Check, ...]:
    return (
        defect("footprints have a shape", known("geometry"),
            "The scorer counts a row without a shape as one false building.", detail="id"),
        defect("footprints are valid polygons", true("valid"),
            "The scorer's area of an outline that crosses itself is wrong, and so is its overlap.",
            detail="id", picture="building"),
        extract_again("footprints belong to a month with an image", true("month_known"),
            "What is found in a month that was never imaged cannot be true.", detail="id"),
        extract_again(f"footprints stick out of what was predicted by at most {params.max_outside_px:g} px",
            at_most("outside_px", params.max_outside_px),
            "There is nothing to be found there: the file is of another AOI or in other coordinates.", detail="id"),
        defect("confidence lies between 0 and 1", between("confidence", 0, 1),
            "It is a mean of probabilities.", detail="id"),
    )  # fmt: skip


def count_checks(params: ValidationParams, section: str = "output.tracks") -> tuple[Check, ...]:
    """Return the expectations about ``COUNT_FACTS``."""
    ratio = params.max_density_ratio
    return (
        critical("frames were predicted", rows_exist(),
            "No frame of the predicted splits has readable footprints.",
            EXTRACT),
        warning(f"buildings are found at most {ratio:g} times as densely, or thinly, as where it was learned",
            between("density_ratio", 1 / ratio, ratio),
            "Far more or fewer than in any AOI that was learned from: other ground, or a model that has lost its way.",
            "Look at the overlays of this AOI; compare its brightness with that of the training data.",
            detail="n", picture="found"),
        warning(f"their median size is within a factor of {ratio:g} of what was learned",
            between("area_ratio", 1 / ratio, ratio),
            "Merged or fragmented footprints do not match any building.",
            f"Look at the overlays; tune seed and flood thresholds of {section}.",
            detail="area_p50_px2", picture="found"),
    )  # fmt: skip
