"""The commands, given what is hostile: one error in words, exit code 1, and nothing outside their folder."""

import os
import re
from pathlib import Path

import pytest

from sn7ml import cli
from sn7ml.package_files import CONFIG, WEIGHTS
from tests.hostile.readers import LABELS, write_config, write_csv
from tests.hostile.test_yaml import LAUGHS
from tests.outputs.submissions import HEADER, JAN, SQUARE
from tests.raising import assert_names
from tests.sn7_folder import AOI, stem, write_aoi

pytestmark = pytest.mark.usefixtures("serial")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    (tmp_path / "project" / "dvc.yaml").touch()
    write_csv(tmp_path / "good.csv")
    return tmp_path


def fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str:
    """Run a command as its script does; return what it said on stderr."""
    monkeypatch.setattr("sys.argv", ["sn7ml", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert re.match(r"error( \[[a-z0-9.-]+\])?: ", said)
    assert "Traceback" not in said
    assert all(letter.isprintable() or letter == "\n" for letter in said)
    return said


def bad_files(folder: Path) -> dict[str, Path]:
    """Files of several kinds, none of which any command can use."""
    os.mkfifo(folder / "pipe")
    (folder / "nowhere").symlink_to(folder / "none")
    (folder / "round").symlink_to(folder / "round")
    (folder / "laughs").write_text(LAUGHS)
    (folder / "binary").write_bytes(bytes(range(256)) * 10)
    (folder / "deep").write_text("[" * 100_000)
    (folder / "empty").touch()
    (folder / "escape").write_text(f"{HEADER}\x1b]0;title\x07{JAN},1,{SQUARE}\n")
    return {path.name: path for path in folder.iterdir()}


KINDS = ["pipe", "nowhere", "round", "laughs", "binary", "deep", "empty", "escape"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_command_breaks(
    kind: str, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "bad").mkdir()
    path = bad_files(here / "bad")[kind]
    before = sorted(here.rglob("*"))
    commands: list[tuple[object, ...]] = [
        ("check", path),
        ("params", path),
        ("score", path, here / "good.csv"),
        ("score", here / "good.csv", path),
        ("use", path),
        ("predict", path, here / "out", "--model", here),
        ("predict", here, here / "out", "--model", path),
    ]
    for command in commands:
        fails(capsys, monkeypatch, *command)
    assert sorted(here.rglob("*")) == before


def test_a_name_of_bytes_that_are_no_letters_can_be_told(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode(b"\xff\x1b[31m[red].csv")
    said = fails(capsys, monkeypatch, "score", name, here / "good.csv")
    assert r"\udcff\x1b[31m[red].csv" in said


def test_both_bad_sides_of_a_score_are_told(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_aoi(here / "data", months=("2018-01",))
    path = here / "data" / "train" / AOI / "labels_match_pix" / LABELS
    path.write_text('{"features": [{"properties": {"Id": 1}, "geometry": {}}]}')
    (here / "bad.csv").write_bytes(b"\xff")
    said = fails(capsys, monkeypatch, "score", here / "data", here / "bad.csv")
    assert_names(said, "[labels.bad-files]", f"{LABELS}: feature 0", "'Id'", "bad.csv: line 1", "UTF-8")


def test_results_cannot_be_written_into_a_folder_that_is_a_file(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "file").write_text("of someone")
    good = here / "good.csv"
    assert "file" in fails(capsys, monkeypatch, "score", good, good, "--json", here / "file" / "scores.json")
    assert "file" in fails(capsys, monkeypatch, "predict", here, here / "file", "--model", here)
    assert (here / "file").read_text() == "of someone"


def test_a_full_disk_is_one_sentence_with_the_files_name(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    good = here / "good.csv"
    said = fails(capsys, monkeypatch, "score", good, good, "--json", here / "scores.json")
    assert_names(said, "No space left on device", "scores.json")


def test_predictions_are_refused_for_a_frame_that_is_a_pipe(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_aoi(here / "data", months=("2018-01",), labels=())
    path = here / "data" / "train" / AOI / "images_masked" / f"{stem(AOI, '2018-01')}.tif"
    path.unlink()
    os.mkfifo(path)
    (here / "params.yaml").write_text((Path(__file__).parents[2] / "params.yaml").read_text())
    write_config(here / CONFIG)  # a package whose weights nobody reads before the images are looked at
    (here / WEIGHTS).write_bytes(b"weights")
    said = fails(
        capsys, monkeypatch, "predict", here / "data", here / "out", "--model", here, "--params", here / "params.yaml"
    )
    assert_names(said, "[image.unusable]", path.name, "pipe")
    assert not (here / "out").exists()


def test_what_a_terminal_would_obey_is_shown_as_escapes() -> None:
    assert cli.printable("a\x1b[2J\x07\udcffé…\nb") == "a\\x1b[2J\\x07\\udcffé…\nb"
