"""Write one self-contained HTML page about the model. Reads DATA and everything in BUILD, writes OUT."""

from pathlib import Path

import pandas as pd

from sn7ml.core.runtime.files import read_output, write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.metrics.score import score_named
from sn7ml.package_files import read_config, read_history
from sn7ml.params import flatten, load_params, resolved
from sn7ml.report.maps.overlays import to_png
from sn7ml.report.maps.scored_overlays import overlays_of
from sn7ml.report.pages.by_task import maps_of
from sn7ml.report.pages.run import PageContent, render_page
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.scored_columns import building_counts
from sn7ml.scenes.store import TileStore
from sn7ml.search.study_figures import study_figures
from sn7ml.tasks import task_named

TEXT = dict.fromkeys(("aoi", "truth_id", "prop_id"), "str")
"""Columns that could be taken for numbers."""


def main(data: Path, build: Path, out: Path) -> None:
    """Run the stage."""
    params, scenes = load_params(), Scenes(build / "scenes")
    task, tiles = task_named(params.task), TileStore(build / "tiles")
    columns = tiles.columns(params.evaluate.splits)
    truth = scenes.labels_of(columns)
    found = task.output.read(build / "outputs", scenes.grids_of(columns))
    overlays = overlays_of(scenes.images_in(data), scenes.frames, truth, found, columns, params.report)
    trials = pd.read_csv(build / "search" / "trials.csv")
    searched = study_figures(trials, params.search.space)
    searched.pop("history", None)  # the page draws its own
    tables = {path.stem: pd.read_csv(path, dtype=TEXT) for path in (build / "evaluation").glob("*.csv")}
    folders = ("validation", "validation_tiles", "validation_outputs")
    reports = [read_output(build / folder / "validation.json") for folder in folders]
    content = PageContent(
        task=task.title,
        scores=task.scores,
        overall=read_output(build / "evaluation" / "metrics.json"),
        trivial=read_output(build / "evaluation" / "evaluation.json")["trivial"],
        per_aoi=tables["per_aoi"],
        history=read_history(build / "model"),
        trials=trials if len(trials) else None,
        objective=score_named(task.scores, params.search.objective).label,
        search_figures=searched,
        validation={
            "ok": all(report["ok"] for report in reports),
            "summaries": [report["summary"] for report in reports],
            "results": [result for report in reports for result in report["results"]],
        },
        promotion=read_output(build / "promotion.json"),
        overlays=[(overlay.aoi, overlay.month, to_png(overlay.picture)) for overlay in overlays],
        maps=[(aoi, drawn) for aoi in sorted(columns) for drawn in maps_of(params.task, found[found["aoi"] == aoi])],
        losses=tables.get("losses", pd.DataFrame()),
        births=tables.get("births", pd.DataFrame()),
        sizes=tables.get("sizes", pd.DataFrame()),
        counts=building_counts(truth, found, columns),
        extent=tiles.extent(),
        digest=tiles.digest(),
        params=flatten(resolved(params, read_config(build / "model").recipe)),
    )
    write_text(out, render_page(content))
    print(f"the report: {out}")  # noqa: T201 - to a terminal


if __name__ == "__main__":
    run_stage(main, "data", "build", "out")
