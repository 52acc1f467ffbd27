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

from dataclasses import dataclass, replace

from sn7ml.metrics.aoi import AoiScot, score_aoi
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
        return _mean([aoi.combo_score for aoi in self.aois.values() if aoi.has_births])

    @property
    def tracking(self) -> float | None:
        """Mean tracking score of all AOIs."""
        return _mean([aoi.track_score for aoi in self.aois.values()])

    @property
    def change(self) -> float | None:
        """Mean change score of the AOIs with births; None if there is none."""
        return _mean([aoi.change_score for aoi in self.aois.values() if aoi.has_births])

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
    truth: IdentifiedFootprints,
    large: IdentifiedFootprints,
    proposals: IdentifiedFootprints,
    iou_threshold: float,
    default: AoiScot,
) -> AoiScot:
    """Score one AOI strictly; its default score, with strict notes, where nothing is treated differently.

    All rows of ``truth`` define the labelled months; ``large`` are those that count (not too small; at least one).
    A pair can match if its IoU is greater than ``iou_threshold``.
    """
    shaped = proposals.take(~proposals.shapeless)
    labelled = truth.months()
    dropped, missed, false = len(proposals) - len(shaped), int(large.repeated.sum()), int(shaped.repeated.sum())
    outside = int((~shaped.time.isin(labelled)).sum())
    empty = sorted(set(labelled) - set(large.months()))
    again = "row(s) rejected, their id occurs more than once in a month"
    differences = {
        f"{dropped} proposal(s) without a geometry left out": dropped,
        f"{missed} truth {again}: missed": missed,
        f"{false} proposal {again}: false positives": false,
        f"{outside} proposal(s) in months without truth counted as false positives": outside,
        f"{len(empty)} month(s) whose truth is all too small, EMPTY or missing count as labelled: "
        f"{', '.join(empty[:3])}": empty,
    }
    notes = [note for note, found in differences.items() if found]
    if notes:
        months = tuple(sorted({*labelled, *shaped.months()}))
        first = months.index(labelled[0])
        default, _ = score_aoi(_without_repeated(large), _without_repeated(shaped), iou_threshold, months, first)
    if not default.has_births:
        notes.append("change undefined, nothing is born in truth: left out of the strict mean")
    return replace(default, notes=tuple(notes))


def _without_repeated(rows: IdentifiedFootprints) -> IdentifiedFootprints:
    """Take the shape from rows whose id is repeated, so that they count and match nothing."""
    geometry = rows.geometry.copy()
    geometry[rows.repeated] = None
    return IdentifiedFootprints(rows.time, rows.id, geometry)


def _mean(scores: list[float]) -> float | None:
    return sum(scores) / len(scores) if scores else None
