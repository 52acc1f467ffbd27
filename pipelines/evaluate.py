"""Score what was found.

Reads DATA, SCENES, TILES, MODEL, PROBABILITIES, TUNED (section output) and OUTPUTS, writes
OUT/{metrics.json,per_aoi.csv,ranking.csv,evaluation.json} and the task's tables, details and pictures; MLflow gets the
same and the validation reports beside OUT.
"""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sn7ml.core.runtime.files import replacing, write_text
from sn7ml.core.runtime.stage import run_stage
from sn7ml.flow.evaluate import Ground, evaluate, scored_part
from sn7ml.metrics.score import Evaluation, Score, score_line
from sn7ml.metrics.score_text import PREFIXES, plain
from sn7ml.params import OutputParams, Params, load_output, load_params
from sn7ml.report.maps.class_panels import ScoredMaps
from sn7ml.report.maps.overlays import from_png, to_png
from sn7ml.report.maps.scene_panels import DistanceMaps, ScoredScenes
from sn7ml.report.maps.scored_overlays import overlays_of
from sn7ml.report.pages.by_task import pictures_of, scenes_of
from sn7ml.report.pages.scenes import file_of, picture_rows
from sn7ml.runs.final import best_epoch, digest_of, final_run
from sn7ml.runs.provenance import data_md5
from sn7ml.runs.runs import SCORED
from sn7ml.runs.store import open_store
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from sn7ml.targets import target_of
from sn7ml.tasks import task_named


def main(  # noqa: PLR0913, PLR0917 - as many as the stage reads
    data: Path, scenes: Path, tiles: Path, model: Path, probabilities: Path, tuned: Path, outputs: Path, out: Path
) -> None:
    """Run the stage."""
    params, store, known = load_params(), TileStore(tiles), Scenes(scenes)
    task, columns = task_named(params.task), store.columns(params.evaluate.splits)
    ground = Ground.read(known, store, columns, target_of(params.target))
    found, chosen = task.output.read(outputs, ground.grids), load_output(tuned)
    evaluation = evaluate(task, found, probabilities, ground, params.evaluate, chosen)
    ranked = task.scores[0]
    scenes_scored = scored_scenes(known.images_in(data), known, ground, found, probabilities, chosen)
    evaluation, pictures = with_pictures(evaluation, scenes_scored, params, ranked)
    write_evaluation(out, evaluation, pictures)
    ranking = evaluation.per_aoi[["aoi"]].assign(score=evaluation.per_aoi[ranked.name])  # what dvc.yaml plots
    write_text(out / "ranking.csv", ranking.to_csv(index=False))

    split = params.evaluate.splits[0]
    run = final_run(open_store(), model, params)
    run.set_tags({SCORED: digest_of(data_md5(), columns, params.evaluate.model_dump(mode="json"))})
    run.log_scores(task.scores, evaluation.overall, evaluation.per_aoi, split, best_epoch(model))
    overlays = overlays_of(known.images_in(data), known.frames, ground.truth.polygons, found, columns, params.report)
    # MLflow's image grid knows the step only, the month's place among those of its AOI.
    rows = [(overlay.aoi, overlay.step, overlay.month) for overlay in overlays]
    times = pd.DataFrame(rows, columns=["aoi", "step", "time"])
    for name, table in {**evaluation.tables, "overlays": times}.items():
        run.log_table(table, f"{name}_{PREFIXES[split]}.json")
    for overlay in overlays:
        run.log_image(f"overlay_{overlay.aoi}", overlay.step, overlay.picture)
    for name, picture in pictures.items():
        run.log_image(name, 0, from_png(picture))
    run.log_file(tuned, "output")
    for report in sorted(out.parent.glob("validation*/validation.*")):
        run.log_file(report, f"validation/{report.parent.name}")
    run.log_dataset("sn7-tiles-scored", str(tiles), store.digest(), split)
    print(score_line(task.scores, evaluation.overall, evaluation.trivial))  # noqa: T201 - a stage speaks to a terminal


def with_pictures(
    evaluation: Evaluation, scored: ScoredScenes | ScoredMaps, params: Params, ranked: Score
) -> tuple[Evaluation, dict[str, bytes]]:
    """Draw an evaluation: name to PNG. What pages must know of the pictures is added to its tables."""
    pictures = pictures_of(params.task, evaluation.tables)
    tables = dict(evaluation.tables)
    if isinstance(scored, ScoredMaps):
        tables["classes"] = tables["classes"].assign(colour=tables["classes"]["class"].map(scored.colours))
    if shown := scenes_of(params.task, scored, evaluation, ranked, params.report.aois):
        tables["scenes"] = picture_rows(shown)
        pictures |= {file_of(scene.aoi): to_png(scene.picture) for scene in shown}
    return replace(evaluation, tables=tables), pictures


def scored_scenes(
    images: Path, scenes: Scenes, ground: Ground, found: pd.DataFrame, probabilities: Path, output: OutputParams
) -> ScoredScenes | ScoredMaps:
    """Return what pictures of scored scenes are drawn from."""
    if ground.target.activation == "softmax":
        columns = ground.truth.columns
        where = (probabilities, ground.tiles, ground.target, ground.grids)
        return ScoredMaps(images, scenes.frames, *where, columns, output.of_land_use())
    distances = None
    if ground.target.unit_m is not None:
        distances = DistanceMaps(probabilities, ground.tiles, ground.target, ground.grids)
    truth = ground.truth
    return ScoredScenes(images, scenes.frames, truth.polygons, scored_part(found, truth), truth.columns, distances)


def write_evaluation(out: Path, evaluation: Evaluation, pictures: dict[str, bytes]) -> None:
    """Write scores, tables, details and pictures; numbers that are undefined are null."""
    write_text(out / "metrics.json", json.dumps(plain(evaluation.overall), indent=2) + "\n")
    beside = {"scored": list(evaluation.scored), "trivial": plain(evaluation.trivial)}
    for name, content in {"evaluation": beside, **evaluation.details}.items():
        write_text(out / f"{name}.json", json.dumps(content, indent=2) + "\n")
    for name, table in {"per_aoi": evaluation.per_aoi, **evaluation.tables}.items():
        write_text(out / f"{name}.csv", table.to_csv(index=False))
    for name, picture in pictures.items():
        with replacing(out / f"{name}.png") as temporary:
            temporary.write_bytes(picture)


if __name__ == "__main__":
    run_stage(main, "data", "scenes", "tiles", "model", "probabilities", "tuned", "outputs", "out")
