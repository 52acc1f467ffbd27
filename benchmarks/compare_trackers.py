"""Every tracker on the same cached probabilities, scored on the splits of `evaluate`: the table of docs/results.md.

    python -m benchmarks.compare_trackers

Run in a project folder after `dvc repro`. Whole AOIs are tracked, as the stage `track` does it.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.flow.evaluate import Truth, extract_aois, read_split_truth, scored_part
from sn7ml.metrics.footprints import match_footprints
from sn7ml.metrics.scot import score_scot
from sn7ml.outputs.tracks import TRACKS_OUTPUT
from sn7ml.params import OutputParams, TrackParams, load_output, load_params, with_values
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore

BUILD = Path("build")

METHODS = ("baseline", "collapse", "changepoint")

COSMIQ = {
    "method": "baseline",
    "instances.seed_threshold": 0.5,
    "instances.flood_threshold": 0.5,
    "instances.boundary_weight": 0.0,
    "instances.contact_weight": 0.0,
    "instances.min_area_px2": 3.5,
    "instances.simplify_px": 0.0,
    "baseline.min_iou": 0.2,
}
"""Footprints as CosmiQ's baseline has them: components of pixels above 0.5, of 3.5 px² at least, not simplified; its
tracker is ``baseline``. The probabilities, and the shift, are ours."""


def main() -> None:
    """Print the table."""
    params, scenes = load_params(), Scenes(BUILD / "scenes")
    columns = TileStore(BUILD / "tiles").columns(params.evaluate.splits)
    grids = scenes.grids_of(columns)
    truth = read_split_truth(scenes, columns)
    print("| tracker | SCOT | tracking | change | births right / false / missed | id switches | F1 (IoU 0.25) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, tracker in trackers(params.output.of_tracks()).items():
        print(
            row(name, truth, extract_aois(TRACKS_OUTPUT, BUILD / "probabilities", grids, OutputParams(tracks=tracker))),
            flush=True,
        )


def trackers(track: TrackParams) -> Mapping[str, TrackParams]:
    """Name CosmiQ's baseline, every method with the params of params.yaml, and the one that was tuned."""
    return {
        "`baseline`, CosmiQ's footprints": with_values(track, COSMIQ, "COSMIQ"),
        **{f"`{method}`": with_values(track, {"method": method}, method) for method in METHODS},
        "`changepoint`, tuned": load_output(BUILD / "tuning" / "best.yaml").of_tracks(),
    }


def row(name: str, truth: Truth, tracks: pd.DataFrame) -> str:
    """Return one line of the table."""
    found = scored_part(tracks, truth)
    result = score_scot(truth.polygons, found)
    aois = result.aois.values()
    births = " / ".join(f"{sum(getattr(aoi, f'change_{kind}') for aoi in aois):,}" for kind in ("tp", "fp", "fn"))
    counts = match_footprints(truth.polygons, found, 0.25).by_frame()[["tp", "fp", "fn"]].sum().tolist()
    scores = f"{result.score:.3f} | {result.tracking:.3f} | {result.change:.3f}"
    return f"| {name} | {scores} | {births} | {sum(aoi.mm for aoi in aois):,} | {precision_recall_f1(*counts)[2]:.3f} |"


if __name__ == "__main__":
    main()
