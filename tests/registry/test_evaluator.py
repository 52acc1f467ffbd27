"""Registered models are run by the code they came with, in a process of their own, and scored by the code of today."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml

from sn7ml.core.errors import ParamsError, StoreError
from sn7ml.flow.evaluate import Ground, evaluate, extract_aois
from sn7ml.learn.models import bare_model
from sn7ml.learn.package import Package, load_package, save_package
from sn7ml.learn.predict import Predictor, predict_frames
from sn7ml.package_files import read_config, write_usage
from sn7ml.params import EvaluateParams, OutputParams, TargetParams, Usage
from sn7ml.registry.evaluator import CONTRACTS, Evaluator, model_scores, read_scores
from sn7ml.registry.policy import ModelScores
from sn7ml.scenes.store import TileStore
from sn7ml.targets import target_of
from tests.learn.toy import MONTHS, OUTPUT, RECIPE, SHAPE, TARGET, squares, windows, write_store, write_world
from tests.outputs.tracking.drawings import track_params
from tests.raising import raises
from tests.registry.toy_registry import TASK
from tests.scenes.converted import write_converted
from tests.sn7_folder import scenes_of

ROOT = Path(__file__).resolve().parents[2]
EVALUATE = EvaluateParams(splits=("test",), iou_thresholds=(0.25,), pixel_threshold=0.5)
USAGE = Usage(predict=windows(splits=("validation", "test")), output=OutputParams(tracks=track_params("changepoint")))

RECIPE_OF_THEN = """

class OptimiserOfThen(Section):
    learning_rate: float

class Recipe(Recipe):
    optimiser: OptimiserOfThen
"""

TRACKER_OF_THEN = """

from shapely.geometry import Polygon

def prepare(cube, upsampling):
    found = Polygon({corners})
    rows = [("1", month, "2018-01", float("nan"), 0.5, found) for month in cube]
    columns = ["id", "time", "birth_month", "birth_probability", "confidence", "geometry"]
    return lambda params: pd.DataFrame(rows, columns=columns)

TRACKS_OUTPUT = Output(
    "tracks", TRACKS, RimsParams.channels, prepare, write, read_footprints, read_outlines, said, sums
)
"""
"""It always finds one and the same building."""

pytestmark = pytest.mark.usefixtures("serial")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def tiles(world: Path, tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    return write_store(world, tmp_path_factory.mktemp("tiles"))


@pytest.fixture
def evaluator(world: Path, tiles: TileStore) -> Evaluator:
    return Evaluator(world, scenes_of(world), tiles, TARGET, EVALUATE, USAGE)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A registered model as MLflow lays it out, of a network that has learned nothing, and with no code yet."""
    torch.manual_seed(7)
    package = tmp_path / "model" / "artifacts" / "package"
    save_package(package, Package(RECIPE, *OUTPUT, 1, (bare_model(RECIPE.model, 3).state_dict(),)))
    write_usage(package, USAGE)
    return tmp_path / "model"


def snapshot(model: Path) -> Path:
    shutil.copytree(ROOT / "sn7ml", model / "code" / "sn7ml", ignore=shutil.ignore_patterns("__pycache__"))
    return model / "code" / "sn7ml"


def test_the_code_of_then_runs_and_not_that_of_today(evaluator: Evaluator, tiles: TileStore, model: Path) -> None:
    """Then a recipe had a learning rate only, and the tracker found one and the same house in every month."""
    code, package = snapshot(model), model / "artifacts" / "package"
    with (code / "params" / "recipe.py").open("a") as recipe:
        recipe.write(RECIPE_OF_THEN)
    ((begin, end),) = next(iter(tiles.columns(["test"]).values()))
    houses = [house for house in squares(SHAPE).values() if begin <= house.centroid.x < end]
    with (code / "outputs" / "tracks.py").open("a") as tracks:
        tracks.write(TRACKER_OF_THEN.format(corners=list(houses[0].exterior.coords)))
    config = yaml.safe_load((package / "package.yaml").read_text())
    config["recipe"]["optimiser"] = {"learning_rate": 0.003}
    (package / "package.yaml").write_text(yaml.safe_dump(config))
    with raises(ParamsError, "package.other-version", "optimiser.weight_decay", faults=["params.invalid"]):
        read_config(package)

    scores, note = evaluator.evaluate(model, "d1", "version 1")

    assert len(houses) > 2
    months = len(MONTHS)
    missed = months * (len(houses) - 1)
    assert scores.overall["f1"] == pytest.approx(2 * months / (2 * months + missed))
    assert (scores.digest, list(scores.aois)) == ("d1", list(tiles.columns(["test"])))
    assert note == "version 1 predicted by its own code"


@pytest.mark.slow
def test_its_code_does_not_run_on_a_cluster_whose_workers_have_that_of_today(
    evaluator: Evaluator, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot(model)
    monkeypatch.setenv("SN7ML_EXECUTOR", "dask:tcp://127.0.0.1:9")  # where nobody is: asking there would fail
    assert evaluator._ask(CONTRACTS[0], model / "code", model / "artifacts" / "package", model.parent / "out") == ""


def by_the_pipeline(evaluator: Evaluator, package: Path, out: Path) -> ModelScores:
    """As the stages predict, track and evaluate score, in this process."""
    predictor, frames = Predictor(load_package(package), USAGE.predict), evaluator.scenes.frames
    list(predict_frames(predictor, evaluator.data, frames, evaluator.tiles.stretches(USAGE.predict.splits), out))
    ground = Ground.read(evaluator.scenes, evaluator.tiles, evaluator.columns, evaluator.target)
    found = extract_aois(TASK.output, out, ground.grids, USAGE.output)
    scores = evaluate(TASK, found, out, ground, EVALUATE, USAGE.output)
    return model_scores("d1", TASK.scores, scores.overall, scores.per_aoi, scores.scored)


def test_a_model_from_before_there_was_a_replay_is_run_by_todays_code_as_the_pipeline_runs_it(
    evaluator: Evaluator, model: Path, tmp_path: Path
) -> None:
    (snapshot(model) / "registry" / "isolated.py").unlink()
    scores, note = evaluator.evaluate(model, "d1", "version 1")
    expected = by_the_pipeline(evaluator, model / "artifacts" / "package", tmp_path / "out")
    assert scores.aois.keys() == expected.aois.keys()
    assert scores.overall == pytest.approx(expected.overall)
    assert scores.overall["iou"] > 0
    assert "today's code, since it was registered before" in note


@pytest.mark.parametrize(
    ("own", "cure"),
    [(True, "requirements.txt"), (False, "Train it again")],
    ids=["its own code fails", "today's code refuses it"],
)
def test_a_model_that_cannot_be_run_is_named_with_the_reason_and_the_cure(
    evaluator: Evaluator, model: Path, own: bool, cure: str
) -> None:
    if own:
        replay = model / "code" / "sn7ml" / "registry" / "isolated.py"
        replay.parent.mkdir(parents=True)
        for folder in (replay.parent, replay.parent.parent):
            (folder / "__init__.py").touch()
        replay.write_text("raise SystemExit('the library of then is gone')")
        reason = "the library of then is gone"
    else:
        (model / "artifacts" / "package" / "package.yaml").write_text("recipe: {}\nupsampling: 1\n")
        reason = "model: missing"
    with raises(StoreError, "registry.cannot-predict", "version 1", cure, "'champion'") as caught:
        evaluator.evaluate(model, "d1", "version 1")
    assert reason in str(caught.value)


def test_a_snapshot_that_is_passed_over_is_not_taken_for_the_code_of_then(evaluator: Evaluator, model: Path) -> None:
    """It answers, but says that another sn7ml ran."""
    replay = model / "code" / "sn7ml" / "registry" / "isolated.py"
    replay.parent.mkdir(parents=True)
    for folder in (replay.parent, replay.parent.parent):
        (folder / "__init__.py").touch()
    replay.write_text('import pathlib; pathlib.Path("answer.json").write_text(\'{"code": "/elsewhere/sn7ml"}\')')
    with raises(StoreError, "registry.cannot-predict", "version 1", "/elsewhere/sn7ml", model / "code" / "sn7ml"):
        evaluator.evaluate(model, "d1", "version 1")


def test_the_key_changes_with_the_labels_and_with_what_is_scored(
    evaluator: Evaluator, tiles: TileStore, world: Path, tmp_path: Path
) -> None:
    key = evaluator.key
    assert Evaluator(world, evaluator.scenes, tiles, TARGET, EVALUATE, USAGE).key == key
    usage = USAGE.model_copy(update={"predict": windows(splits=("test",))})
    other = Evaluator(world, evaluator.scenes, tiles, TARGET, EVALUATE, usage).key
    assert {name for name in key if key[name] != other[name]} == {"scoring"}
    moved = shutil.copytree(world, tmp_path / "moved")
    label = next(moved.rglob("*_Buildings.geojson"))
    label.write_text(label.read_text().replace('"Id": 0', '"Id": 999'))
    relabelled = Evaluator(moved, scenes_of(moved), tiles, TARGET, EVALUATE, USAGE).key
    assert {name for name in key if key[name] != relabelled[name]} <= {"labels"}


def test_scores_of_the_evaluate_stage_are_read_to_the_last_bit(tmp_path: Path) -> None:
    third = 1 / 3
    (tmp_path / "metrics.json").write_text(f'{{"scot": {third!r}, "f1": null, "iou": 0.1}}')
    (tmp_path / "evaluation.json").write_text('{"scored": ["a"]}')
    rows = f"aoi,scot,tracking,change,f1,iou\na,{third!r},0.2,0.3,,{2 * third!r}\nb,0.0,0.0,0.0,,0.0\n"
    (tmp_path / "per_aoi.csv").write_text(rows)
    scores = read_scores(tmp_path, "d1", TASK.scores)
    assert scores.overall["scot"] == third
    assert list(scores.aois) == ["a"]  # b has no truth
    assert (scores.aois["a"]["scot"], scores.aois["a"]["iou"]) == (third, 2 * third)
    assert scores.as_dict()["scores"]["f1"] is None


REPLAY_OF_THEN = """
import json, pathlib, sys
request = json.loads(pathlib.Path(sys.argv[1]).read_text())
raise SystemExit(" ".join(sorted(request["usage"])) + " " + request["usage"]["track"]["method"])
"""


def test_a_model_from_when_tracks_were_the_only_output_is_asked_in_the_words_of_then(
    evaluator: Evaluator, model: Path
) -> None:
    module = model / "code" / "sn7ml" / "experiment" / "replay.py"
    module.parent.mkdir(parents=True)
    for folder in (module.parent, module.parent.parent):
        (folder / "__init__.py").touch()
    module.write_text(REPLAY_OF_THEN)
    assert evaluator._ask(CONTRACTS[1], model / "code", model, model.parent / "out") == "predict track changepoint"


@pytest.mark.parametrize("kind", ["footprint", "distance"])
def test_a_model_of_converted_images_is_run_by_its_own_code(kind: str, tmp_path: Path) -> None:
    """The data folder holds 16 bits in degrees, in a layout that the question need not name."""
    params = TargetParams.model_validate({"kind": kind})
    data, scenes, tiles = write_converted(tmp_path, params)
    target, name = target_of(params), "buildings" if kind == "footprint" else "building_distance"
    instances = {"seed_threshold": 0.55, "flood_threshold": 0.5, "boundary_weight": 0.0, "contact_weight": 0.0}
    output = OutputParams.model_validate(
        {"buildings": {"instances": {**instances, "min_area_px2": 4.0, "simplify_px": 0.5}}}
    )
    usage = Usage.model_validate(
        {"task": name, "predict": windows(splits=("validation", "test")).model_dump(), "output": output.model_dump()}
    )
    torch.manual_seed(7)
    package = tmp_path / "model" / "artifacts" / "package"
    weights = bare_model(RECIPE.model, 1).state_dict()
    made = Package(RECIPE, target.channels, target.activation, 1, (weights,), 1, tiles.images, target.unit_m)
    save_package(package, made)
    write_usage(package, usage)
    snapshot(tmp_path / "model")
    evaluator = Evaluator(data, scenes, tiles, target, EVALUATE, usage)

    scores, note = evaluator.evaluate(tmp_path / "model", "d1", "version 1")

    assert note == "version 1 predicted by its own code"
    frames, stretches = scenes.frames, tiles.stretches(usage.predict.splits)
    predictor = Predictor(load_package(package), usage.predict)
    list(predict_frames(predictor, scenes.images_in(data), frames, stretches, tmp_path / "out"))
    found = extract_aois(evaluator.task.output, tmp_path / "out", scenes.grids_of(stretches), output)
    here = Ground.read(scenes, tiles, evaluator.columns, target)
    expected = evaluate(evaluator.task, found, tmp_path / "out", here, EVALUATE, output)
    assert scores.overall == pytest.approx(expected.overall)
    assert ("mae_m" in scores.overall) == (kind == "distance")
