"""Write one self-contained HTML page about the model. Reads DATA and everything in BUILD, writes OUT."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sn7ml.core.geo.ground import row_pixel_areas_m2
from sn7ml.core.runtime.files import read_output, write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.metrics.score import score_named
from sn7ml.package_files import read_config, read_history
from sn7ml.params import flatten, load_params, resolved
from sn7ml.report.maps.overlays import to_png
from sn7ml.report.maps.scored_overlays import overlays_of
from sn7ml.report.pages.by_task import maps_of
from sn7ml.report.pages.classes import CONFUSION, Classes
from sn7ml.report.pages.run import PageContent, render_page
from sn7ml.report.pages.scenes import Scenes as SingleScenes
from sn7ml.report.pages.scenes import file_of
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.scored_columns import building_counts
from sn7ml.scenes.store import TileStore
from sn7ml.search.study_figures import study_figures
from sn7ml.targets import Target, target_of
from sn7ml.tasks import Task, task_named

COUNTS = pd.DataFrame(columns=["aoi", "time", "truth", "found"])
"""Of single scenes there is nothing to count by month."""

TEXT = dict.fromkeys(("aoi", "truth_id", "prop_id"), "str")
"""Columns that could be taken for numbers."""


def main(data: Path, build: Path, out: Path) -> None:
    """Run the stage."""
    params, scenes = load_params(), Scenes(build / "scenes")
    task, tiles = task_named(params.task), TileStore(build / "tiles")
    columns = tiles.columns(params.evaluate.splits)
    truth = scenes.labels_of(columns)
    found = task.output.read(build / "outputs", scenes.grids_of(columns))
    objective = score_named(task.scores, params.search.objective)
    trials = pd.read_csv(build / "search" / "trials.csv")
    searched = study_figures(trials, params.search.space, objective.higher_is_better)
    searched.pop("history", None)  # the page draws its own
    tables = {path.stem: pd.read_csv(path, dtype=TEXT) for path in (build / "evaluation").glob("*.csv")}
    metrics, beside = (read_output(build / "evaluation" / f"{name}.json") for name in ("metrics", "evaluation"))
    single, classes, overlays, counts = None, None, [], COUNTS
    if "confusion" in tables:
        classes = class_maps(build / "evaluation", task, tables, (metrics, beside["trivial"]))
    elif "scenes" in tables:
        single = single_scenes(build, task, tables, (metrics, beside["trivial"]), target_of(params.target))
    else:
        overlays = overlays_of(scenes.images_in(data), scenes.frames, truth, found, columns, params.report)
        counts = building_counts(truth, found, columns)
    folders = ("validation", "validation_tiles", "validation_outputs")
    reports = [read_output(build / folder / "validation.json") for folder in folders]
    content = PageContent(
        task=task.title,
        scores=task.scores,
        overall=metrics,
        trivial=beside["trivial"],
        scenes=single,
        classes=classes,
        per_aoi=tables["per_aoi"],
        history=read_history(build / "model"),
        trials=trials if len(trials) else None,
        objective=objective.label,
        objective_rises=objective.higher_is_better,
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
        counts=counts,
        extent=tiles.extent(),
        digest=tiles.digest(),
        params=flatten(resolved(params, read_config(build / "model").recipe)),
    )
    write_text(out, render_page(content))
    print(f"the report: {out}")  # noqa: T201 - to a terminal


def single_scenes(
    build: Path, task: Task, tables: Mapping[str, pd.DataFrame], scored: tuple[Any, Any], target: Target
) -> SingleScenes:
    """Collect what the page shows of single scenes; ``scored`` are the scores and those of trivial answers."""
    scenes, tiles, per_aoi = Scenes(build / "scenes"), TileStore(build / "tiles"), tables["per_aoi"]
    frames = scenes.frames
    grids = scenes.grids_of(list(per_aoi["aoi"]))
    rows: list[dict[Any, Any]] = tables["scenes"].to_dict("records")
    return SingleScenes(
        scores=task.scores,
        overall=scored[0],
        trivial=scored[1],
        per_aoi=per_aoi,
        groups=dict(zip(frames["aoi"], frames["group"], strict=True)),
        pixel_m2={aoi: float(row_pixel_areas_m2(grid).mean()) / tiles.upsampling**2 for aoi, grid in grids.items()},
        pictures=[(row, (build / "evaluation" / f"{file_of(row['aoi'])}.png").read_bytes()) for row in rows],
        clip_m=target.unit_m,
    )


def class_maps(evaluation: Path, task: Task, tables: Mapping[str, pd.DataFrame], scored: tuple[Any, Any]) -> Classes:
    """Collect what the page shows of class maps; ``scored`` are the scores and those of trivial answers."""
    rows: list[dict[Any, Any]] = tables["scenes"].to_dict("records")
    return Classes(
        scores=task.scores,
        overall=scored[0],
        trivial=scored[1],
        by_class=tables["classes"].drop(columns="colour"),
        per_aoi=tables["per_aoi"],
        colours=dict(zip(tables["classes"]["class"], tables["classes"]["colour"], strict=True)),
        confusion=(evaluation / f"{CONFUSION}.png").read_bytes(),
        pictures=[(row, (evaluation / f"{file_of(row['aoi'])}.png").read_bytes()) for row in rows],
    )


if __name__ == "__main__":
    run_stage(main, "data", "build", "out")
