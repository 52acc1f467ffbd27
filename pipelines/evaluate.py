"""Score what was found.

Reads DATA, TILES, MODEL, PROBABILITIES and FOOTPRINTS, writes OUT/{metrics.json,per_aoi.csv,scot.json}; MLflow gets the same.
"""

import json
from pathlib import Path

from sn7ml.data.catalog import scan
from sn7ml.data.footprints import read_footprints
from sn7ml.data.regions import read_grids
from sn7ml.data.tiles import TileStore
from sn7ml.experiment.final import best_epoch, final_run
from sn7ml.experiment.scoring import read_split_truth, score_tracks
from sn7ml.experiment.store import open_store
from sn7ml.params import load_params
from sn7ml.report.pictures import overlays_of
from sn7ml.runtime.files import write_text
from sn7ml.runtime.stage import run_stage


def main(data: Path, tiles: Path, model: Path, probabilities: Path, footprints: Path, out: Path) -> None:
    """Run the stage."""
    params, store, frames = load_params(), TileStore(tiles), scan(data)
    columns = store.columns(params.evaluate.splits)
    grids = read_grids(data, frames, list(columns))
    truth = read_split_truth(data, frames, columns)
    tracks = read_footprints(footprints, grids)
    scores = score_tracks(tracks, truth, store, probabilities, grids, params.evaluate)

    content = scores.as_dict()
    write_text(out / "metrics.json", json.dumps(content["overall"], indent=2) + "\n")
    write_text(out / "scot.json", json.dumps(content["scot"], indent=2) + "\n")
    write_text(out / "per_aoi.csv", scores.per_aoi.to_csv(index=False))

    run = final_run(open_store(), model, params)
    run.log_scores(scores.overall, scores.per_aoi, params.evaluate.splits[0], best_epoch(model))
    run.log_dataset("sn7-tiles-scored", str(tiles), store.digest(), params.evaluate.splits[0])
    for overlay in overlays_of(data, frames, truth.polygons, tracks, columns, params.report):
        run.log_image(f"overlay_{overlay.aoi}", overlay.step, overlay.picture)
    print("  ".join(f"{name} {value:.4f}" for name, value in scores.overall.items()))  # noqa: T201 - to a terminal


if __name__ == "__main__":
    run_stage(main, "data", "tiles", "model", "probabilities", "footprints", "out")
