"""SpaceNet 7: every building in monthly 4 m images, followed through time."""

import pandas as pd

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.metrics.footprints import match_footprints
from sn7ml.metrics.score import Score
from sn7ml.metrics.scot import score_scot
from sn7ml.metrics.tracks import SPACENET_IOU, evaluate_tracks
from sn7ml.outputs.tracks import TRACKS_OUTPUT
from sn7ml.tasks.task import Task


def tune_score(truth: pd.DataFrame, found: pd.DataFrame, objective: str) -> dict[str, float]:
    """Return SCOT and its two parts, and F1 if that is asked for. Raises LabelError if there is no truth."""
    result = score_scot(truth, found)
    scores = {"scot": result.score, "tracking": result.tracking, "change": result.change}
    if objective == "f1":
        counts = match_footprints(truth, found, SPACENET_IOU).by_frame()
        scores["f1"] = precision_recall_f1(*(int(counts[kind].sum()) for kind in ("tp", "fp", "fn")))[2]
    return scores


BUILDINGS_THROUGH_TIME = Task(
    name="buildings_through_time",
    title="SpaceNet 7: every building, month by month",
    purpose=(
        "Finds every building in monthly satellite mosaics of about 4 m (SpaceNet 7: red, green, blue, alpha, 8 bit) "
        "and follows each through time: outlines, ids, months of birth."
    ),
    limits=(
        "At 4 m a small house is a few pixels: houses wall to wall merge, outlines are approximate, and what is "
        "smaller than about 4 pixels is mostly missed.",
        "Months of birth lag where cloud hides a site, and are often a month off; demolished buildings are kept.",
        "Other sensors, resolutions or band orders were not tried. Probabilities are not calibrated.",
        "Not for decisions about single buildings or the people in them.",
    ),
    licences=(
        "SpaceNet 7 imagery and labels: CC BY-SA 4.0. Share what you derive from them under the same terms, with "
        "attribution. The synthetic set of `sn7ml synth` holds nothing of them.",
    ),
    scores=(
        Score("scot", "SCOT", "the challenge's score: tracking and change combined, mean over AOIs"),
        Score("tracking", "tracking", "footprints that keep their id, mean over AOIs", headline=False),
        Score("change", "change", "buildings that appear in the right month, mean over AOIs", headline=False),
        Score("f1", "F1", "footprints found at IoU 0.25, over all counts"),
        Score("iou", "IoU", "building pixels, over all counts"),
    ),
    output=TRACKS_OUTPUT,
    evaluate=evaluate_tracks,
    tunable=("scot", "tracking", "change", "f1"),
    tune_score=tune_score,
    gate_by="aoi",
)
