"""Search for the best recipe. Reads DATA and TILES, writes OUT/best.yaml and OUT/trials.csv; trials go to MLflow."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import yaml

from sn7ml.data.catalog import scan
from sn7ml.data.tiles import TileStore
from sn7ml.experiment.assess import assessor_for
from sn7ml.experiment.runs import Run
from sn7ml.experiment.search import OnEpoch, TrialResult, search
from sn7ml.experiment.store import open_store
from sn7ml.learn.fit import fit
from sn7ml.params import Recipe, ReportParams, load_params, recipe_of
from sn7ml.report.pictures import overlays_of
from sn7ml.runtime.files import write_text
from sn7ml.runtime.stage import run_stage

PICTURES = ReportParams(aois=1, months=2)
"""Trials show the same two frames each; the report's own choice would make a search depend on how it is shown."""


def main(data: Path, tiles: Path, out: Path) -> None:
    """Run the stage. Killed and started again, it goes on after the last whole trial."""
    params, store = load_params(), TileStore(tiles)
    scoring = (params.predict, params.track, params.evaluate)
    assessor = assessor_for(data, scan(data), store, store.columns(("validation",), fold=1), scoring)
    settings = params.search

    def train_and_score(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        def report(epoch: int, metrics: Mapping[str, float]) -> None:
            print(f"  epoch {epoch}/{settings.train.epochs}  val_iou {metrics['val_iou']:.4f}", flush=True)  # noqa: T201
            on_epoch(epoch, metrics)

        result = fit(recipe, settings.train, store, report)
        scores, tracks = assessor.assess(result.package)
        print("  ".join(f"{name} {value:.4f}" for name, value in scores.overall.items()), flush=True)  # noqa: T201
        return TrialResult(scores.overall, scores.per_aoi, result.best_epoch, partial(record, tracks))

    def record(tracks: pd.DataFrame, run: Run) -> None:
        for split in ("train", "validation"):
            run.log_dataset(f"sn7-tiles-{split}", str(tiles), store.digest(), split)
        truth = assessor.truth
        for overlay in overlays_of(data, assessor.frames, truth.polygons, tracks, truth.columns, PICTURES):
            run.log_image(f"overlay_{overlay.aoi}", overlay.step, overlay.picture)

    inputs = store.digest() + "".join(section.model_dump_json() for section in scoring)
    found = search(recipe_of(params), settings, train_and_score, open_store(), out.parent / ".search", inputs)
    write_text(out / "trials.csv", found.trials.to_csv(index=False))
    write_text(out / "best.yaml", yaml.safe_dump(found.best.model_dump(mode="json"), sort_keys=True))


if __name__ == "__main__":
    run_stage(main, "data", "tiles", "out")
