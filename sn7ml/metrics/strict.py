"""Strict SCOT: the reference's rules without its defects.

Where the reference sums the IoUs of rows that share an id, counts ``POLYGON EMPTY``, ignores proposals in months
without truth and gives an AOI without births a change score of 0 (``sn7ml.metrics.oddities``), the strict score

* rejects every row whose id occurs twice in its month: it matches nothing, so that a repeated proposal is a false
  positive and a repeated truth is missed. Which row is meant is unknown, and the order of rows should not decide it;
* leaves EMPTY and missing geometries out, for they propose no footprint;
* counts proposals in every month: those of a month without truth are false positives, and their ids count as seen;
* treats a month whose truth is all too small as a labelled month without buildings;
* calls change undefined where nothing was born in truth, and leaves such an AOI out of its mean.

On an input with none of these it equals the reference's score.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sn7ml.metrics.aoi import AoiScot, Calendar, score_aoi
from sn7ml.metrics.identified import IdentifiedFootprints


@dataclass(frozen=True)
class StrictScot:
    """The strict score of a data set."""

    aois: dict[str, AoiScot]
    """The AOIs of the default score; their notes say what was treated differently."""

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
        """What was treated differently from the reference, AOI first."""
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


def score_strictly(
    truth: IdentifiedFootprints, large: IdentifiedFootprints, proposals: IdentifiedFootprints, iou_threshold: float
) -> AoiScot:
    """Score one AOI strictly.

    Parameters
    ----------
    truth, large
        All rows of the truth, which define the labelled months, and those that count (not too small; at least one).
    proposals
        All rows.
    iou_threshold
        A pair can match if its IoU is greater.
    """
    shaped = proposals.take(~proposals.shapeless)
    labelled = truth.months()
    months = tuple(sorted({*labelled, *shaped.months()}))
    calendar = Calendar(months, months.index(labelled[0]))
    aoi, _ = score_aoi(_without_repeated(large), _without_repeated(shaped), iou_threshold, calendar)
    dropped, missed, false = len(proposals) - len(shaped), int(large.repeated.sum()), int(shaped.repeated.sum())
    outside = int((~shaped.time.isin(labelled)).sum())
    empty = sorted(set(labelled) - set(large.months()))
    again = "row(s) rejected, their id occurs more than once in a month"
    notes = {
        f"{dropped} proposal(s) without a geometry left out": dropped,
        f"{missed} truth {again}: missed": missed,
        f"{false} proposal {again}: false positives": false,
        f"{outside} proposal(s) in months without truth counted as false positives": outside,
        f"{len(empty)} month(s) whose truth is all too small, EMPTY or missing count as labelled: "
        f"{', '.join(empty[:3])}": empty,
    }
    return replace(aoi, notes=(*(note for note, found in notes.items() if found), *_undefined(aoi)))


def differs(truth: IdentifiedFootprints, large: IdentifiedFootprints, proposals: IdentifiedFootprints) -> bool:
    """Return whether the strict counts can differ from the default ones: see ``score_strictly``."""
    return bool(
        proposals.shapeless.any()
        or (~proposals.time.isin(large.months())).any()
        or truth.months() != large.months()
        or large.repeated.any()
        or proposals.repeated.any()
    )


def as_strict(aoi: AoiScot) -> AoiScot:
    """Return a default score whose counts are strict as they stand, with strict notes."""
    return replace(aoi, notes=_undefined(aoi))


def _without_repeated(rows: IdentifiedFootprints) -> IdentifiedFootprints:
    """Take the shape from rows whose id is repeated, so that they count and match nothing."""
    geometry = rows.geometry.copy()
    geometry[rows.repeated] = None
    return IdentifiedFootprints(rows.time, rows.id, geometry)


def _mean(scores: Iterable[float]) -> float | None:
    values = list(scores)
    return sum(values) / len(values) if values else None


def _undefined(aoi: AoiScot) -> tuple[str, ...]:
    return () if aoi.has_births else ("change undefined, nothing is born in truth: left out of the strict mean",)
