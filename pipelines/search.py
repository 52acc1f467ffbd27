"""Search for the best recipe. Reads DATA, SCENES and TILES, writes OUT/best.yaml and OUT/trials.csv, trials to MLflow.

SN7ML_SEARCH_WORKERS=N searches with N processes, SN7ML_STUDY_URL together with other machines (docs/search.md).
"""

import multiprocessing
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from sn7ml.core.errors import ModelError, ParamsError, StoreError
from sn7ml.core.runtime.files import write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.flow.evaluate_model import ModelEvaluator, evaluator_for
from sn7ml.learn.fit import Plan, fit
from sn7ml.metrics.score import score_named
from sn7ml.package_files import read_config
from sn7ml.params import Params, Recipe, ReportParams, load_params, recipe_of
from sn7ml.registry.versions import package_folder
from sn7ml.report.maps.scored_overlays import overlays_of
from sn7ml.runs.runs import Run
from sn7ml.runs.store import open_store
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from sn7ml.search import STUDY_URL
from sn7ml.search.run import OnEpoch, Setup, TrialResult, search
from sn7ml.search.study_figures import study_figures, study_page
from sn7ml.search.workers import search_workers
from sn7ml.tasks import task_named

PICTURES = ReportParams(aois=1, months=2)
"""Each trial shows the same two frames; with the params of the report, a search would depend on them."""


def main(data: Path, scenes: Path, tiles: Path, out: Path) -> None:
    """Run the stage; after a kill it continues with the last whole trial."""
    params = load_params()
    settings, scoring = params.search, (params.predict, params.output, params.evaluate)
    inputs = TileStore(tiles).digest() + "".join(section.model_dump_json() for section in scoring)
    champion = None
    if settings.start_from and settings.trials:
        try:
            champion = read_config(package_folder(settings.start_from)).recipe
        except (StoreError, ModelError, ParamsError) as error:
            print(f"note: search.start_from: {error}; the search does without", flush=True)  # noqa: T201 - to a terminal
    known = Scenes(scenes)
    trial = TrainAndScore(known.images_in(data), known, tiles, params)
    scores, url = task_named(params.task).scores, os.environ.get(STUDY_URL) or None
    setup = Setup(open_store(), scores, out.parent / ".search", search_workers(), url, _say)
    found = search(recipe_of(params), settings, trial, setup, inputs, champion)
    if found.run is not None:
        rises = score_named(scores, settings.objective).higher_is_better
        page = study_page(study_figures(found.trials, settings.space, rises))
        found.run.store.client.log_text(found.run.run_id, page, "study.html")
    write_text(out / "trials.csv", found.trials.to_csv(index=False))
    write_text(out / "best.yaml", yaml.safe_dump({"recipe": found.best.model_dump(mode="json")}, sort_keys=True))


@dataclass(frozen=True)
class TrainAndScore:
    """Trains with a recipe and scores on the first fold; picklable, for workers that each read the truth once."""

    data: Path
    scenes: Scenes
    tiles: Path
    params: Params

    @cached_property
    def _store(self) -> TileStore:
        return TileStore(self.tiles)

    @cached_property
    def _evaluator(self) -> ModelEvaluator:
        columns = self._store.columns(("validation",), fold=1)
        return evaluator_for(self.data, self.scenes, self._store, columns, self.params)

    def __call__(self, recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
        """Do one trial."""
        training = self.params.search.train

        def report(epoch: int, metrics: Mapping[str, float]) -> None:
            _say(f"epoch {epoch}/{training.epochs}  val_score {metrics['val_score']:.4f}")
            on_epoch(epoch, metrics)

        evaluator = self._evaluator  # first, so that faults of the data are not the trial's
        result = fit(Plan(recipe, evaluator.ground.target, training), self._store, report)
        evaluation, found = evaluator.evaluate(result.package)
        _say("  ".join(f"{name} {value:.4f}" for name, value in evaluation.overall.items()))

        def record(run: Run) -> None:
            for split in ("train", "validation"):
                run.log_dataset(f"sn7-tiles-{split}", str(self.tiles), self._store.digest(), split)
            truth = evaluator.ground.truth
            for overlay in overlays_of(self.data, self.scenes.frames, truth.polygons, found, truth.columns, PICTURES):
                run.log_image(f"overlay_{overlay.aoi}", overlay.step, overlay.picture)

        return TrialResult(dict(evaluation.overall), evaluation.per_aoi, result.best_epoch, record)


def _say(text: str) -> None:
    process = multiprocessing.current_process().name
    who = "" if process == "MainProcess" else f"{process}: "
    print(f"  {who}{text}", flush=True)  # noqa: T201 - to a terminal


if __name__ == "__main__":
    run_stage(main, "data", "scenes", "tiles", "out")
