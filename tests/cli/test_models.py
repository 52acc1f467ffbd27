"""The command line of the registry, as a person types it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from sn7ml import cli
from sn7ml.cli import terminal
from sn7ml.core.errors import StoreError, TableError
from sn7ml.params import Params, Usage, load_params
from sn7ml.params.reading import with_values
from sn7ml.registry import evaluator as evaluators
from sn7ml.registry.evaluator import Evaluator
from sn7ml.registry.policy import ModelScores
from tests.learn.toy import write_store, write_world
from tests.raising import raises
from tests.registry.toy_registry import NAME, TODAY, ToyRegistry, scores

EXAM = evaluators.evaluator_of

ROOT = Path(__file__).resolve().parents[2]


def write_params() -> Params:
    """Write the params of the repository, with the toy registry's name, into the current folder."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(text.replace("sn7-buildings", NAME), encoding="utf-8")
    return load_params()


@pytest.fixture
def two(toy_registry: ToyRegistry, monkeypatch: pytest.MonkeyPatch) -> ToyRegistry:
    """Version 1 is champion, version 2 was rejected."""
    write_params()
    monkeypatch.setattr(evaluators, "evaluator_of", lambda *_: toy_registry.evaluator)
    monkeypatch.setattr(terminal.console, "width", 80)
    toy_registry.submit("a", scores(0.3))
    toy_registry.submit("b", scores(0.2))
    return toy_registry


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)


def test_models_shows_versions_scores_verdicts_and_changes(two: ToyRegistry) -> None:
    lines = run("models").output.splitlines()
    second, first = (next(line for line in lines if line.startswith(f" {number} ")) for number in (2, 1))
    for words in ("challenger", "0.2000", "rejected", two.run_id[:7]):
        assert words in second
    for words in ("champion", "0.3000", "0.5000", "0.4000", "promoted"):
        assert words in first
    assert lines.index(second) < lines.index(first)
    assert "version 1 promoted by" in lines[-1]
    assert lines[-1].endswith("there is no champion yet")


def test_a_terminal_of_80_columns_holds_every_version_whole(two: ToyRegistry) -> None:
    two.submit("c", scores(0.4))
    assert run("rollback", "--reason", "sheds").exit_code == 0
    told = run("models").output.splitlines()
    table = [line for line in told if " by " not in line]  # the changes below may be long
    assert len(told) - len(table) == 3
    assert max(map(len, table)) <= 80
    assert "…" not in "".join(table)
    words = " ".join(table).split()
    for word in ("champion", "challenger", "previous", "rolled", "back", "promoted", "rejected", two.run_id[:7]):
        assert word in words


def test_outside_of_a_project_the_usual_name_is_taken_unless_another_is_given(
    two: ToyRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    assert "0.3000" in run("models", "--name", NAME).output
    with raises(StoreError, "registry.no-such-model", "'sn7-buildings'"):
        run("models")


def test_a_rejected_model_is_a_normal_result_unless_strict(two: ToyRegistry) -> None:
    done = run("promote", "2")
    assert done.exit_code == 0
    assert "version 2 was not promoted" in done.output
    assert "not better by promote.min_gain" in done.output
    assert run("promote", "challenger", "--strict").exit_code == 1
    assert run("promote", "champion", "--strict").exit_code == 0


def test_promote_scores_both_on_the_data_of_today(two: ToyRegistry) -> None:
    two.evaluator.key = TODAY | {"data": "d2"}
    two.evaluator.worth |= {"b": scores(0.5)}
    done = run("promote", "2", "--strict")
    assert done.exit_code == 0
    assert done.output.index("scoring version 2") < done.output.index("scoring version 1")
    assert two.aliases == {"challenger": "2", "champion": "2", "previous": "1"}


@pytest.mark.parametrize("tuned", [True, False], ids=["tuned", "not tuned"])
def test_promote_scores_on_the_projects_own_tiles_by_its_params_and_its_tuned_tracker(
    toy_registry: ToyRegistry, tuned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is real but the run of the network, which test_evaluator holds to the pipeline's."""
    asked: list[Evaluator] = []

    def evaluate(evaluator: Evaluator, _model: Path, digest: str, name: str) -> tuple[ModelScores, str]:
        asked.append(evaluator)
        return replace(scores(0.3), digest=digest), f"{name} predicted by a toy"

    monkeypatch.setattr(Evaluator, "evaluate", evaluate)
    tiles = write_store(write_world(Path("data")), Path("build/tiles"))
    shutil.move("build/tiles-scenes", "build/scenes")
    params = write_params()
    best = with_values(params.output, {"tracks.method": "baseline"}, "")
    if tuned:
        Path("build/tuning").mkdir()
        Path("build/tuning/best.yaml").write_text(yaml.safe_dump({"output": best.model_dump(mode="json")}))
    toy_registry.version("a")

    told = run("promote", "1", "--strict").output

    assert f"{NAME} version 1 is the champion" in " ".join(told.split())
    (evaluator,) = asked
    assert evaluator.facts.key["tiles"] == tiles.digest()
    assert evaluator.columns == tiles.columns(params.evaluate.splits)
    assert evaluator.usage == Usage(task=params.task, predict=params.predict, output=best if tuned else params.output)


def test_rollback_says_who_is_champion_again_and_why_is_shown(two: ToyRegistry) -> None:
    two.submit("c", scores(0.4))
    done = run("rollback", "--reason", "sees [houses] in clouds")
    assert "version 1 is the champion again; version 3 is withdrawn" in done.output
    shown = run("models").output
    assert "rolled back from version 3 to 1" in shown
    assert "sees [houses] in clouds" in shown


def test_rollback_wants_a_reason(two: ToyRegistry) -> None:
    assert run("rollback").exit_code == 2
    assert two.aliases["champion"] == "1"


def test_a_version_that_is_not_there_is_named(two: ToyRegistry) -> None:
    with raises(StoreError, "registry.no-such-version", "'9'", [1, 2]):
        run("promote", "9")


def test_without_tiles_there_is_nothing_to_judge_by(two: ToyRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluators, "evaluator_of", EXAM)
    with raises(TableError, "tiles.no-store", "build/tiles", "`dvc repro tile`"):
        run("promote", "1")
