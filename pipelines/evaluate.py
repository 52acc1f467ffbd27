"""Score what was found.

Reads DATA, TILES, MODEL, PROBABILITIES, TUNED (section track, only recorded) and FOOTPRINTS, writes
OUT/{metrics.json,per_aoi.csv,scot.json} and, on where the score was lost,
OUT/{losses.csv,births.csv,sizes.csv,diagnosis.png}; MLflow gets the same, and the validation reports beside OUT.
"""

import json
from pathlib import Path

import pandas as pd

from sn7ml.core.runtime.files import replacing, write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.flow.evaluate import read_split_truth, score_tracks
from sn7ml.metrics.diagnosis import diagnose
from sn7ml.metrics.score_text import PREFIXES
from sn7ml.outputs.footprints import read_footprints
from sn7ml.params import load_params
from sn7ml.report.maps.overlays import from_png
from sn7ml.report.maps.scored_overlays import overlays_of
from sn7ml.report.pages.diagnosis import draw_diagnosis
from sn7ml.runs.final import best_epoch, digest_of, final_run
from sn7ml.runs.provenance import data_md5
from sn7ml.runs.runs import SCORED
from sn7ml.runs.store import open_store
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.scored_columns import read_grids
from sn7ml.scenes.store import TileStore

OVERLAYS = ["aoi", "step", "time"]
"""What a picture in MLflow's image grid shows: the grid itself knows the step only, the month's place among its AOI's."""


def main(  # noqa: PLR0913, PLR0917 - as many as the stage reads
    data: Path, tiles: Path, model: Path, probabilities: Path, tuned: Path, footprints: Path, out: Path
) -> None:
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
    diagnosis = diagnose(scores.scot.aois)
    tables = {"losses": diagnosis.losses, "births": diagnosis.births, "sizes": scores.sizes}
    for name, table in tables.items():
        write_text(out / f"{name}.csv", table.to_csv(index=False))
    picture = draw_diagnosis(**tables)
    with replacing(out / "diagnosis.png") as temporary:
        temporary.write_bytes(picture)

    split = params.evaluate.splits[0]
    run = final_run(open_store(), model, params)
    run.set_tags({SCORED: digest_of(data_md5(), columns, params.evaluate.model_dump(mode="json"))})
    run.log_scores(scores.overall, scores.per_aoi, split, best_epoch(model))
    overlays = overlays_of(data, frames, truth.polygons, tracks, columns, params.report)
    months = pd.DataFrame([(overlay.aoi, overlay.step, overlay.month) for overlay in overlays], columns=OVERLAYS)
    for name, table in (tables | {"overlays": months}).items():
        run.log_table(table, f"{name}_{PREFIXES[split]}.json")
    run.log_file(tuned, "tracker")
    for report in sorted(out.parent.glob("validation*/validation.*")):  # of data, tiles and footprints
        run.log_file(report, f"validation/{report.parent.name}")
    run.log_image("diagnosis", 0, from_png(picture))
    run.log_dataset("sn7-tiles-scored", str(tiles), store.digest(), split)
    for overlay in overlays:
        run.log_image(f"overlay_{overlay.aoi}", overlay.step, overlay.picture)
    print("  ".join(f"{name} {value:.4f}" for name, value in scores.overall.items()))  # noqa: T201 - to a terminal


if __name__ == "__main__":
    run_stage(main, "data", "tiles", "model", "probabilities", "tuned", "footprints", "out")
