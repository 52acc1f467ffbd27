"""Who becomes champion."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sn7ml.data.model_files import CONFIG, WEIGHTS, package_digest
from sn7ml.errors import StoreError
from sn7ml.experiment.registry import Verdict, package_folder, promote
from sn7ml.experiment.runs import MODEL_DIGEST, training_run
from sn7ml.experiment.store import Store
from sn7ml.params import PromoteParams

PARAMS = PromoteParams(model_name="sn7-test", min_scot=0.1, min_gain=0.0, max_f1_loss=0.02)

Promote = Callable[..., Verdict]


def scores(scot: float, f1: float = 0.5, iou: float = 0.4) -> dict[str, float]:
    return {"scot": scot, "f1": f1, "iou": iou}


def package(folder: Path, name: str) -> Path:
    """A folder with the names of a model's files; the registry does not look into them."""
    made = folder / f"model-{name}"
    made.mkdir(exist_ok=True)
    (made / CONFIG).write_text(name)
    (made / WEIGHTS).write_bytes(b"weights")
    return made


@pytest.fixture
def submit(store: Store, tmp_path: Path) -> Promote:
    """Submit the model of that name; the champion scores ``champion`` on the data of today."""
    with training_run(store, name="train", tags={}, params={}) as run:
        run.log_metrics({"test_scot": 0.5}, step=3)

    def submit(
        name: str,
        challenger: Mapping[str, float],
        champion: Mapping[str, float] | None = None,
        params: PromoteParams = PARAMS,
    ) -> Verdict:
        def score_champion(folder: Path) -> Mapping[str, float]:
            assert champion is not None, "there was nothing to score"
            scored.append((folder / CONFIG).read_text())
            return champion

        scored: list[str] = []
        verdict = promote(store, package(tmp_path, name), challenger, score_champion, params, run.run_id)
        assert (champion is None) == (scored == [])
        return verdict

    return submit


def aliases(store: Store) -> dict[str, str]:
    return {alias: str(version) for alias, version in store.client.get_registered_model("sn7-test").aliases.items()}


def test_the_first_model_becomes_champion(store: Store, submit: Promote) -> None:
    verdict = submit("a", scores(0.2))
    assert (verdict.promoted, verdict.reasons, verdict.champion) == (True, ("there is no champion yet",), None)
    assert aliases(store) == {"challenger": "1", "champion": "1"}


def test_the_first_model_below_the_floor_does_not(store: Store, submit: Promote) -> None:
    verdict = submit("a", scores(0.05))
    assert not verdict.promoted
    assert verdict.reasons == ("SCOT 0.0500 is below promote.min_scot 0.1",)
    assert aliases(store) == {"challenger": "1"}


def test_a_better_one_takes_over_and_the_old_one_is_kept_as_previous(store: Store, submit: Promote) -> None:
    submit("a", scores(0.2))
    verdict = submit("b", scores(0.3), champion=scores(0.2))
    assert verdict.promoted
    assert aliases(store) == {"challenger": "2", "champion": "2", "previous": "1"}


def test_the_champion_is_judged_by_todays_scores_not_by_its_stored_ones(store: Store, submit: Promote) -> None:
    submit("a", scores(0.9))
    assert submit("b", scores(0.3), champion=scores(0.2)).promoted


@pytest.mark.parametrize(
    ("challenger", "champion", "reason"),
    [
        (scores(0.2), scores(0.3), "not better"),
        (scores(0.3), scores(0.3), "not better"),
        (scores(float("nan")), scores(0.3), "not better"),
        (scores(0.4, f1=0.47), scores(0.3), "f1 0.5000"),
        (scores(0.4, iou=0.37), scores(0.3), "iou 0.4000"),
        (scores(0.4, f1=float("nan")), scores(0.3), "f1 0.5000"),
        (scores(0.09), scores(0.05), "below promote.min_scot"),
    ],
    ids=["worse", "tie", "undefined", "f1 lost", "iou lost", "f1 undefined", "below the floor"],
)
def test_anything_else_leaves_the_champion(
    store: Store, submit: Promote, challenger: dict[str, float], champion: dict[str, float], reason: str
) -> None:
    submit("a", scores(0.3))
    verdict = submit("b", challenger, champion=champion)
    assert not verdict.promoted
    assert any(reason in text for text in verdict.reasons)
    assert aliases(store) == {"challenger": "2", "champion": "1"}


def test_a_small_loss_of_f1_is_allowed(submit: Promote) -> None:
    submit("a", scores(0.3))
    assert submit("b", scores(0.4, f1=0.485), champion=scores(0.3)).promoted


def test_a_gain_below_the_demanded_one_is_not_enough(store: Store, submit: Promote) -> None:
    demanding = PARAMS.model_copy(update={"min_gain": 0.05})
    submit("a", scores(0.3))
    assert not submit("b", scores(0.34), champion=scores(0.3), params=demanding).promoted
    assert submit("c", scores(0.36), champion=scores(0.3), params=demanding).promoted
    assert aliases(store) == {"challenger": "3", "champion": "3", "previous": "1"}


def test_asking_twice_gives_the_same_answer_and_no_second_version(store: Store, submit: Promote) -> None:
    submit("a", scores(0.2))
    first = submit("b", scores(0.3), champion=scores(0.2))
    again = submit("b", scores(0.3))
    assert again == first
    assert len(store.client.search_model_versions("name = 'sn7-test'")) == 2
    assert aliases(store) == {"challenger": "2", "champion": "2", "previous": "1"}


def test_the_champion_on_other_data_stays_champion(store: Store, submit: Promote) -> None:
    submit("a", scores(0.2))
    verdict = submit("a", scores(0.25))
    assert (verdict.promoted, verdict.reasons) == (True, ("it is the champion already",))
    assert aliases(store) == {"challenger": "1", "champion": "1"}


def test_a_rejected_model_gets_another_chance_on_other_data_without_a_second_version(
    store: Store, submit: Promote
) -> None:
    submit("a", scores(0.3))
    submit("b", scores(0.2), champion=scores(0.3))
    assert submit("b", scores(0.5), champion=scores(0.3)).promoted
    assert aliases(store) == {"challenger": "2", "champion": "2", "previous": "1"}


def test_inside_a_dvc_experiment_only_the_challenger_moves(
    store: Store, submit: Promote, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit("a", scores(0.2))
    monkeypatch.setenv("DVC_EXP_NAME", "tidy-owl")
    verdict = submit("b", scores(0.3), champion=scores(0.2))
    assert not verdict.promoted
    assert "inside the DVC experiment 'tidy-owl'" in verdict.reasons[-1]
    assert aliases(store) == {"challenger": "2", "champion": "1"}


def test_the_verdict_is_json_without_numbers_of_this_store(submit: Promote) -> None:
    verdict = submit("a", scores(0.2, f1=float("nan")))
    content = verdict.as_dict()
    assert verdict.version == "1"
    assert set(content) == {"promoted", "reasons", "challenger", "champion"}
    assert content["challenger"]["scores"] == {"scot": 0.2, "f1": None, "iou": 0.4}
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_the_version_tells_its_story(store: Store, submit: Promote, tmp_path: Path) -> None:
    submit("a", scores(0.2))
    verdict = submit("b", scores(0.15), champion=scores(0.2))
    version = store.client.get_model_version("sn7-test", verdict.version)
    assert version.tags[MODEL_DIGEST] == package_digest(tmp_path / "model-b")
    assert json.loads(version.tags["sn7.verdict"]) == verdict.as_dict()
    assert version.tags["sn7.promoted"] == "false"
    assert version.tags["test_scot"] == "0.15"
    description = str(version.description)
    assert description.startswith("**Not promoted**")
    assert "| scot | 0.1500 | 0.2000 |" in description


def test_the_logged_model_is_linked_to_its_run_and_carries_the_scores_of_the_best_epoch(
    store: Store, submit: Promote
) -> None:
    version = store.client.get_model_version("sn7-test", submit("a", scores(0.2)).version)
    model = store.client.get_logged_model(str(version.source).removeprefix("models:/"))
    assert (model.source_run_id, str(model.status)) == (version.run_id, "READY")
    assert [(metric.key, metric.value, metric.step) for metric in model.metrics or []] == [("test_scot", 0.5, 3)]
    outputs = store.client.get_run(str(version.run_id)).outputs
    assert outputs is not None
    assert [output.model_id for output in outputs.model_outputs] == [model.model_id]
    assert not list(Path(model.artifact_location).rglob("*.pkl"))


def test_a_champion_whose_files_are_gone_is_named_with_the_cure(store: Store, submit: Promote) -> None:
    version = store.client.get_model_version("sn7-test", submit("a", scores(0.2)).version)
    model = store.client.get_logged_model(str(version.source).removeprefix("models:/"))
    Path(model.artifact_location).rename(Path(model.artifact_location).with_name("gone"))
    with pytest.raises(StoreError, match="cannot read the champion, version 1 of 'sn7-test'"):
        submit("b", scores(0.3), champion=scores(0.2))
    assert aliases(store)["champion"] == "1"


@pytest.mark.parametrize("address", ["models:/sn7-test@champion", "models:/sn7-test/1"])
def test_the_package_of_a_registered_model_is_fetched_by_its_address(submit: Promote, address: str) -> None:
    submit("a", scores(0.2))
    assert (package_folder(address) / CONFIG).read_text() == "a"


def test_a_folder_is_its_own_package(tmp_path: Path) -> None:
    assert package_folder(str(tmp_path)) == tmp_path


def test_a_model_that_is_not_registered_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match="cannot fetch models:/nobody@champion from sqlite"):
        package_folder("models:/nobody@champion")


def test_an_undefined_score_may_come_as_null(submit: Promote) -> None:
    submit("a", scores(0.2) | {"change": None})
    assert submit("a", scores(0.2) | {"change": None}).reasons == ("there is no champion yet",)
    assert submit("b", scores(0.3), champion=scores(0.2) | {"change": None}).promoted
