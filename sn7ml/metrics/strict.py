"""SCOT as one would have it: the reference's rules without its defects.

Where the reference sums the IoUs of rows that share an id, counts ``POLYGON EMPTY``, forgets proposals in months without
truth and calls an AOI without births a failure (``sn7ml.metrics.oddities``), the strict score

* rejects every row whose id occurs twice in its month: it matches nothing, so that a repeated proposal is a false positive
  and a repeated truth is missed. Which of the rows is meant cannot be known, and no order of rows should decide it;
* leaves EMPTY and missing geometries out, for they propose no footprint;
* counts proposals in every month: those of a month without truth are false positives and are remembered;
* takes a month whose truth is all too small for what it is, a labelled month without buildings;
* calls change undefined where nothing was born in truth, and leaves such an AOI out of its mean.

On an input that has none of these it is the reference's score.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sn7ml.metrics.aoi import AoiScot, Calendar, score_aoi
from sn7ml.metrics.identified import Sightings


@dataclass(frozen=True)
class StrictScot:
    """The strict score of a data set."""

    aois: dict[str, AoiScot]
    """The AOIs of the default score; their notes say what was treated in another way."""

    @property
    def change_undefined(self) -> tuple[str, ...]:
        """AOIs in which nothing was born: not in ``score`` and ``change``."""
        return tuple(name for name, aoi in self.aois.items() if not aoi.has_births)

    @property
    def score(self) -> float | None:
        """Mean SCOT of the AOIs with births; None if there is none."""
        return _mean(aoi.combo_score for aoi in self.aois.values() if aoi.has_births)

    @property
    def tracking(self) -> float | None:
        """Mean tracking score of all AOIs."""
        return _mean(aoi.track_score for aoi in self.aois.values())

    @property
    def change(self) -> float | None:
        """Mean change score of the AOIs with births; None if there is none."""
        return _mean(aoi.change_score for aoi in self.aois.values() if aoi.has_births)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was treated in another way than by the reference, AOI first."""
        return tuple(f"{name}: {note}" for name, aoi in self.aois.items() for note in aoi.notes)

    def as_dict(self) -> dict[str, object]:
        """Return everything but the tables, ready for JSON; an undefined mean is null."""
        return {
            "score": self.score,
            "tracking": self.tracking,
            "change": self.change,
            "change_undefined": list(self.change_undefined),
            "aois": {name: aoi.as_dict() for name, aoi in self.aois.items()},
            "notes": list(self.notes),
        }


def score_strictly(truth: Sightings, large: Sightings, proposals: Sightings, iou_threshold: float) -> AoiScot:
    """Score one AOI strictly.

    Parameters
    ----------
    truth, large
        All rows of the truth, which tell the months that were labelled, and those of them that count (not too small; at
        least one).
    proposals
        All rows.
    iou_threshold
        A pair can match if its IoU is greater.
    """
    shaped = proposals.take(~proposals.shapeless)
    months = tuple(sorted({*truth.months(), *shaped.months()}))
    calendar = Calendar(months, months.index(truth.months()[0]))
    sides = {"truth": large, "proposal": shaped}
    again = {name: rows.repeated for name, rows in sides.items()}
    aoi, _ = score_aoi(_rejected(large, again["truth"]), _rejected(shaped, again["proposal"]), iou_threshold, calendar)
    notes = [
        *_about_dropped(len(proposals) - len(shaped)),
        *(note for name, which in again.items() for note in _about_rejected(name, int(which.sum()))),
        *_about_months(shaped, truth),
        *_about_small(truth, large),
        *_about_change(aoi),
    ]
    return replace(aoi, notes=tuple(notes))


def differs(truth: Sightings, large: Sightings, proposals: Sightings) -> bool:
    """Tell whether the strict counts can be others than the default ones: see ``score_strictly``."""
    outside = ~proposals.month.isin(large.months())
    return bool(
        proposals.shapeless.any()
        or outside.any()
        or truth.months() != large.months()
        or large.repeated.any()
        or proposals.repeated.any()
    )


def as_strict(aoi: AoiScot) -> AoiScot:
    """Return a default score whose counts are strict as they stand, with strict notes."""
    return replace(aoi, notes=tuple(_about_change(aoi)))


def _rejected(rows: Sightings, which: NDArray[np.bool_]) -> Sightings:
    """Take the shape from some rows, so that they count and match nothing."""
    geometry = rows.geometry.copy()
    geometry[which] = None
    return Sightings(rows.month, rows.id, geometry)


def _mean(scores: Iterable[float]) -> float | None:
    values = list(scores)
    return sum(values) / len(values) if values else None


def _about_dropped(count: int) -> Iterable[str]:
    if count:
        yield f"{count} proposal(s) without a geometry left out"


def _about_rejected(name: str, count: int) -> Iterable[str]:
    if count:
        outcome = "missed" if name == "truth" else "false positives"
        yield f"{count} {name} row(s) rejected, their id occurs more than once in a month: {outcome}"


def _about_months(proposals: Sightings, truth: Sightings) -> Iterable[str]:
    count = int((~proposals.month.isin(truth.months())).sum())
    if count:
        yield f"{count} proposal(s) in months without truth counted as false positives"


def _about_small(truth: Sightings, large: Sightings) -> Iterable[str]:
    months = sorted(set(truth.months()) - set(large.months()))
    if months:
        yield f"{len(months)} month(s) whose truth is all too small, EMPTY or missing count as labelled: {', '.join(months[:3])}"


def _about_change(aoi: AoiScot) -> Iterable[str]:
    if not aoi.has_births:
        yield "change undefined, nothing is born in truth: left out of the strict mean"
