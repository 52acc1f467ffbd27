"""``sn7ml runs`` and ``sn7ml compare``, as a person types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sn7ml import cli
from sn7ml.cli import terminal
from sn7ml.core.errors import ParamsError, StoreError
from sn7ml.runs.store import Store
from tests.raising import assert_is, raises
from tests.runs.scored import grey, scored_run, training_run, trial_run
from tests.runs.test_leaderboard import register


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.console, "width", 60)  # no number may be cut


def test_the_leaderboard_ranks_runs_and_tells_where_they_come_from(store: Store) -> None:
    low, high = scored_run(store, 0.2), scored_run(store, 0.6)
    register(store, low, "champion")
    found = lines(run("runs"))
    rows = {line[1]: line for line in found if len(line) > 5}
    assert rows[high.run_id[:7]][:9] == [
        "1", high.run_id[:7], "train", "Unet", "0.6000", "0.5000", "0.2500", "0.7500", "0.6000",
    ]  # fmt: skip
    assert rows[low.run_id[:7]][9:15] == ["d1d1d1d", "s1s1s1s", "abcdef0*", "complete", "v1", "champion"]
    assert "note:" not in run("runs")


def test_another_metric_a_limit_and_a_filter(store: Store) -> None:
    ids = [scored_run(store, scot).run_id[:7] for scot in (0.2, 0.6)]
    text = run("runs", "--limit", "1")
    assert ids[1] in text
    assert ids[0] not in text
    assert "1 more: --limit 2" in text
    filtered = run("runs", "--filter", "metrics.test_scot < 0.5")
    assert ids[0] in filtered
    assert ids[1] not in filtered
    assert "val_loss" in run("runs", "--sort", "val_loss")


def test_scores_that_do_not_compare_are_noted(store: Store) -> None:
    scored_run(store, 0.2)
    scored_run(store, 0.3, data="e2" * 16)
    assert "note: Not all scores compare, other data:" in run("runs")
    assert json.loads(run("runs", "--json"))["notes"][0].startswith("Not all scores compare, other data:")


def test_json_comes_alone_and_holds_every_metric(store: Store) -> None:
    high = scored_run(store, 0.6)
    register(store, high, "champion")
    content = json.loads(run("runs", "--json"))
    (entry,) = content["runs"]
    assert (content["experiment"], content["sort"], content["notes"]) == ("sn7", "scot", [])
    assert (entry["run_id"], entry["metrics"]["test_scot"], entry["metrics"]["train_loss"]) == (high.run_id, 0.6, 0.7)
    assert entry["versions"] == [{"name": "sn7-buildings", "version": "1", "aliases": ["champion"]}]


def test_trials_have_a_leaderboard_of_their_own(store: Store) -> None:
    trial = trial_run(store, 0.4)
    text = run("runs", "--search")
    assert trial.run_id[:7] in text
    assert "0.4000" in text
    assert "no final run yet" in run("runs")


def test_none_is_said(store: Store) -> None:
    assert run("runs") == "no final run yet; `make repro` (or `dvc repro`) makes some\n"
    assert run("runs", "--search").startswith("no trial yet")
    scored_run(store, 0.2)
    assert (
        run("runs", "--filter", "metrics.test_scot > 0.5") == "no final run passes the filter metrics.test_scot > 0.5\n"
    )
    assert json.loads(run("runs", "--filter", "metrics.test_scot > 0.5", "--json"))["runs"] == []


def test_a_comparison_is_a_page_and_a_summary(store: Store, tmp_path: Path) -> None:
    low, high = scored_run(store, 0.2, params={"loss.dice": "0.5"}), scored_run(store, 0.6, params={"loss.dice": "1.0"})
    for given, brightness in ((low, 100), (high, 200)):
        given.log_image("overlay_north", 2, grey(brightness))
    text = run("compare", low.run_id[:10], "best", "--out", str(tmp_path / "new" / "page.html"))
    assert f"A  {low.run_id[:7]}  train Unet" in text
    assert "B scores higher: SCOT 0.6000 against 0.2000 (+0.4000)" in text
    page = (tmp_path / "new" / "page.html").read_text()
    for words in ("B scores higher", low.run_id, high.run_id, "loss.dice", "late births", "frame 2", "data:image/png"):
        assert words in page


def test_trials_compare_with_trials(store: Store, tmp_path: Path) -> None:
    ids = [trial_run(store, scot).run_id for scot in (0.3, 0.4)]
    assert "B scores higher" in run("compare", *ids, "--out", str(tmp_path / "page.html"))
    assert "Scores on the validation split" in (tmp_path / "page.html").read_text()


def test_what_cannot_be_compared_is_all_told_at_once_and_no_page_is_written(store: Store, tmp_path: Path) -> None:
    final, trial = scored_run(store, 0.2).run_id, trial_run(store, 0.3).run_id
    with training_run(store, name="bare", tags={}, params={}) as bare:
        pass
    expected: list[tuple[str, tuple[object, ...]]] = [
        ("runs.no-score", (f"{bare.run_id[:7]} (bare, complete)", "test_scot", "`sn7ml runs`")),
        ("runs.no-such-run", ("'zzz'",)),
        ("runs.given-twice", (final[:7], 2)),
        ("runs.other-kind", (f"{final[:7]} is of sn7", f"{trial[:7]} is of sn7-search")),
    ]
    with raises(StoreError, "runs.not-comparable", faults=[code for code, _ in expected]) as caught:
        run("compare", final, final, trial, bare.run_id, "zzz", "--out", str(tmp_path / "page.html"))
    for fault, (code, named) in zip(caught.value.faults, expected, strict=True):
        assert_is(fault, StoreError, code, *named)
        assert str(fault) in str(caught.value)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("names", [["best"], ["best"] * 6])
def test_one_run_or_too_many_are_refused(store: Store, names: list[str]) -> None:
    with raises(ParamsError, "options.run-count", len(names), 2, 5):
        run("compare", *names)


def test_a_folder_is_no_page(store: Store, tmp_path: Path) -> None:
    with raises(ParamsError, "output.is-folder", "--out", tmp_path):
        run("compare", "best", "champion", "--out", str(tmp_path))


def test_an_unknown_run_is_one_sentence_and_exit_code_1(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scored_run(store, 0.2)
    monkeypatch.setattr("sys.argv", ["sn7ml", "compare", "best", "[zzz]"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "no run '[zzz]'" in told
    assert "Traceback" not in told
