"""What a stage says when it ends, well or badly."""

import sys
from pathlib import Path

import pytest

from sn7ml.core.errors import CatalogError, ItemsFailed, LabelError
from sn7ml.core.runtime.stage import run_stage


@pytest.fixture(autouse=True)
def _command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", "data", "build/tiles"])


def test_paths_come_in_the_order_of_the_names() -> None:
    seen: list[Path] = []
    run_stage(lambda data, tiles: seen.extend([data, tiles]), "data", "tiles")
    assert seen == [Path("data"), Path("build/tiles")]


def test_a_fault_of_the_input_is_one_message_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    def main(data: Path, tiles: Path) -> None:
        raise CatalogError("data.no-folder", f"no data folder {data}")

    with pytest.raises(SystemExit) as ended:
        run_stage(main, "data", "tiles")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error [data.no-folder]: no data folder data\n"


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    def main(data: Path, tiles: Path) -> None:
        raise KeyError(data)

    with pytest.raises(KeyError):
        run_stage(main, "data", "tiles")


def test_a_defect_within_a_map_shows_its_traceback_and_all_names(capsys: pytest.CaptureFixture[str]) -> None:
    def main(data: Path, tiles: Path) -> None:
        failures = {"north": LabelError("labels.not-json", "not JSON"), "south": KeyError("time")}
        raise ItemsFailed(failures, total=3) from failures["south"]

    with pytest.raises(SystemExit) as ended:
        run_stage(main, "data", "tiles")
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert "KeyError: 'time'" in said.splitlines()[0]
    assert (
        "error [items.failed]: 2 of 3 items failed:\n  north: LabelError: not JSON\n  south: KeyError: 'time'\n" in said
    )


def test_a_missing_path_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", "data"])
    with pytest.raises(SystemExit) as ended:
        run_stage(lambda data, tiles: None, "data", "tiles")
    assert ended.value.code == 2
    assert "tiles" in capsys.readouterr().err


def test_ctrl_c_is_one_word_and_its_own_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def main(data: Path, tiles: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run_stage(main, "data", "tiles")
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"
