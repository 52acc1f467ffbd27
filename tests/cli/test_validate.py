"""`sn7ml validate`, as a person with no project types it. Loads Great Expectations."""

import json
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import Polygon
from typer.testing import CliRunner, Result

from sn7ml import cli
from sn7ml.cli import terminal
from sn7ml.core.errors import CatalogError, ModelError, ParamsError, Sn7Error
from sn7ml.params import ValidationParams, load_params
from sn7ml.synthetic import make_colour
from sn7ml.synthetic.land_use import COLOURS
from tests.raising import raises
from tests.sn7_folder import (
    AOI,
    FAR_AOI,
    HOUSES,
    MONTHS,
    feature,
    grid_of,
    stem,
    write_aoi,
    write_features,
    write_image,
)

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("serial")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No project here: no params.yaml. A terminal wide enough for whole lines."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(terminal.console, "width", 200)


@pytest.fixture
def area(tmp_path: Path) -> Path:
    """A data folder with one good area of images that differ in nothing but their month."""
    folder = write_aoi(tmp_path / "data")
    for number, month in enumerate(MONTHS):
        picture(folder, month, 100 + number)
    return folder


def picture(folder: Path, month: str, level: int) -> None:
    rng = np.random.default_rng(7)
    pixels = np.clip(rng.normal(level, 20, (4, 63, 64)), 0, 255).astype(np.uint8)
    pixels[3] = 255
    kind = "images_masked"
    write_image(folder / kind / f"{stem(folder.name, month)}.tif", pixels, grid_of(folder.name))


def labels(folder: Path, month: str = MONTHS[1]) -> Path:
    return folder / "labels_match_pix" / f"{stem(folder.name, month)}_Buildings.geojson"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, ["validate", *map(str, arguments)], catch_exceptions=False)


def passed(*arguments: object) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


def failed(*arguments: object) -> str:
    done = run(*arguments)
    assert done.exit_code == 1, done.output
    return done.output


@pytest.mark.parametrize("levels_up", [0, 1, 2])
def test_a_good_folder_passes_whether_root_part_or_area(area: Path, levels_up: int) -> None:
    folder = [area, *area.parents][levels_up]
    assert "expectations hold (3 frames, 3 labels" in passed(folder)


def test_a_relative_path_will_do(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(area)
    assert "expectations hold" in passed(".")


def test_a_critical_failure_is_named_with_file_reason_and_cure(area: Path) -> None:
    labels(area).write_text("not JSON")
    text = failed(area.parents[1])
    assert "1 critical, 0 warning(s) in 3 frames, 3 labels" in text
    assert f"{AOI} 2018-02 train/{AOI}/labels_match_pix/{labels(area).name} (fault: is not JSON" in text
    assert "Fetch the file again." in text
    assert "Traceback" not in text


def test_a_warning_passes_unless_strict(area: Path) -> None:
    write_features(labels(area), [*(feature(n, it) for n, it in HOUSES.items()), feature(1, None)])
    assert "0 critical, 1 warning(s)" in passed(area)
    assert "buildings have a shape" in failed(area, "--strict")


def test_the_worst_three_are_named_and_the_others_counted(tmp_path: Path) -> None:
    months = [f"2018-{number:02d}" for number in range(1, 6)]
    folder = write_aoi(tmp_path / "data", months=months)
    for number, month in enumerate(months):  # sticks out by 20, 30, …
        far = {0: Polygon([(0, 0), (9, 0), (9, -20 - 10 * number)])}
        write_features(labels(folder, month), [feature(n, it) for n, it in {**HOUSES, **far}.items()])
    lines = [line.strip() for line in failed(folder).splitlines()]
    first = next(n for n, line in enumerate(lines) if line.startswith(f"{AOI} 2018-05"))
    assert [line[len(AOI) + 1 :][:7] for line in lines[first : first + 3]] == ["2018-05", "2018-04", "2018-03"]
    assert lines[first + 3] == "… and 2 more"


def test_images_without_labels_are_checked_alone(tmp_path: Path) -> None:
    folder = write_aoi(tmp_path / "data", part="test_public", labels=())
    for root in (folder, folder.parent, folder.parents[1]):
        text = passed(root)
        assert "no labels here" in text
        assert "expectations hold" in text


def test_labels_of_one_area_are_missed_where_others_have_them(area: Path) -> None:
    write_aoi(area.parents[1], FAR_AOI, labels=())
    assert "images have labels" in passed(area.parents[1])


def test_thresholds_are_built_in_here_or_given(area: Path, tmp_path: Path) -> None:
    assert load_params(ROOT / "params.yaml").validation == ValidationParams()
    narrow = (ROOT / "params.yaml").read_text().replace("sides_px: [63, 1024]", "sides_px: [1023, 1024]")
    (tmp_path / "narrow.yaml").write_text(narrow)
    assert "expectations hold" in passed(area)
    assert "images have 1023 to 1024 rows" in failed(area, "--params", tmp_path / "narrow.yaml")
    Path("params.yaml").write_text(narrow)
    assert "images have 1023 to 1024 rows" in failed(area)


def test_a_report_is_written_with_a_reference(area: Path, tmp_path: Path) -> None:
    passed(area, "--report", tmp_path / "report")
    assert json.loads((tmp_path / "report" / "validation.json").read_text())["ok"] is True
    assert (tmp_path / "report" / "validation.md").read_text().startswith("# Validation: passed")
    assert json.loads((tmp_path / "report" / "reference.json").read_text())["aois"] == [AOI]
    assert not (tmp_path / "report" / "drift.json").exists()


def test_a_check_alone_reads_no_image_twice(area: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_root: Path, _row: dict[str, str]) -> None:
        raise AssertionError

    monkeypatch.setattr("sn7ml.validation.facts.data_profile._profile", look)
    passed(area)


def test_the_same_frames_are_trusted_by_folder_and_by_file(area: Path, tmp_path: Path) -> None:
    passed(area, "--report", tmp_path / "report")
    for reference in (area, area.parents[1], tmp_path / "report" / "reference.json"):
        assert "trusted: the model can be trusted here" in passed(area, "--against", reference, "--strict")


def test_frames_that_a_reference_lacks_since_they_cannot_be_read_are_told(area: Path, tmp_path: Path) -> None:
    other = write_aoi(tmp_path / "known")
    broken = other / "images_masked" / f"{stem(AOI, MONTHS[1])}.tif"
    broken.write_bytes(b"")
    text = passed(area, "--against", tmp_path / "known")
    assert (
        f"left out of the reference: 1 of {len(MONTHS)} frames, the first train/{AOI}/images_masked/{broken.name}: "
        in text
    )
    assert "left out" not in passed(area, "--against", area)


def test_brighter_frames_of_another_area_are_named(area: Path, tmp_path: Path) -> None:
    other = write_aoi(tmp_path / "new", FAR_AOI, labels=())
    for month in MONTHS:
        picture(other, month, 200)
    text = passed(other, "--against", area, "--report", tmp_path / "report")
    assert f"not trusted: the model is not to be trusted on 1 of 1 area: {FAR_AOI} (brightness, " in text
    assert "spreads above training's " in text
    content = json.loads((tmp_path / "report" / "drift.json").read_text())
    assert content["level"] == "not trusted"
    named = {it["fact"] for it in content["findings"] if it["level"] == "not trusted"}
    assert named == {"brightness_red", "brightness_green", "brightness_blue"}
    assert FAR_AOI in (tmp_path / "report" / "drift.md").read_text()
    page = (tmp_path / "report" / "drift.html").read_text()
    assert FAR_AOI in page
    assert "http" not in page.replace("http-equiv", "")
    failed(other, "--against", area, "--strict")


def test_fix_mends_a_copy_lists_it_and_says_what_is_left(area: Path, tmp_path: Path) -> None:
    broken = [*(feature(n, it) for n, it in HOUSES.items()), feature(7, HOUSES[7]), feature(1, None)]
    write_features(labels(area), broken)
    write_features(labels(area, MONTHS[2]), [feature(7, HOUSES[7]), feature(7, HOUSES[12])])
    before = labels(area).read_bytes()
    text = failed(area.parents[1], "--fix", tmp_path / "out")
    assert (
        f"train/{AOI}/labels_match_pix/{labels(area).name} Id 7: the same Id and outline as before → row dropped"
        in text
    )
    assert "1 left as it is, for you to decide:" in text
    assert "one Id, two outlines: 1 in 1 file(s)" in text
    assert "buildings have a shape" not in text
    assert "1 critical, " in text
    assert labels(area).read_bytes() == before
    write_features(labels(area, MONTHS[2]), [feature(n, it) for n, it in HOUSES.items()])
    assert "expectations hold" in passed(area.parents[1], "--fix", tmp_path / "again")


def test_many_changes_are_capped_on_the_terminal_and_whole_in_the_list(area: Path, tmp_path: Path) -> None:
    write_features(labels(area), [feature(100 + n, None) for n in range(50)])
    text = passed(area, "--fix", tmp_path / "out")
    assert "no shape: 50 in 1 file(s)" in text
    assert text.count("null → row dropped") == 3
    assert "… and 47 more" in text
    listed = (tmp_path / "out" / "changes.csv").read_text()
    assert listed.count("no shape") == 50


def test_data_docs_are_written_on_request(area: Path, tmp_path: Path) -> None:
    labels(area).write_text("not JSON")
    text = failed(area, "--docs", tmp_path / "docs")
    page = tmp_path / "docs" / "index.html"
    assert f"Data Docs: {page}" in text
    assert page.is_file()
    (found,) = (tmp_path / "docs" / "validations" / "labels").rglob("*.html")
    assert labels(area).name in found.read_text(encoding="utf-8")
    assert "Fetch the file again." in (tmp_path / "docs" / "expectations" / "labels.html").read_text(encoding="utf-8")
    assert list((tmp_path / "docs" / "validations" / "frames").rglob("*.html"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "docs", "elsewhere"]


@pytest.mark.parametrize(
    ("option", "error", "code"),
    [
        ("--report", ParamsError, "output.not-a-folder"),
        ("--docs", ParamsError, "output.not-a-folder"),
        ("--fix", CatalogError, "output.folder-not-empty"),
    ],
)
def test_a_file_in_the_place_of_an_output_is_refused_before_the_work(
    option: str, error: type[Sn7Error], code: str, area: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    labels(area).write_text("not JSON")
    with raises(error, code, tmp_path / "file"):
        run(area, option, tmp_path / "file")


def test_docs_do_not_mix_with_what_is_there(area: Path) -> None:
    with raises(ParamsError, "output.folder-not-empty", "--docs", area):
        run(area, "--docs", area)


def test_what_cannot_be_read_is_told_in_words(area: Path, tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("{}")
    cases: list[tuple[tuple[object, ...], type[Sn7Error], str]] = [
        ((tmp_path / "none",), CatalogError, "data.no-folder"),
        ((tmp_path / "elsewhere",), CatalogError, "data.no-aoi"),
        ((area, "--params", "none.yaml"), ParamsError, "params.no-file"),
        ((area, "--against", tmp_path / "none"), CatalogError, "options.against"),
        ((area, "--against", tmp_path / "no.json"), ModelError, "drift.not-a-reference"),
    ]
    for arguments, error, code in cases:
        with raises(error, code, arguments[-1]):
            run(*arguments)


def test_no_frame_that_can_be_read_gives_a_report_without_reference(area: Path, tmp_path: Path) -> None:
    for path in (area / "images_masked").iterdir():
        path.write_bytes(b"II*\0")
    text = failed(area, "--report", tmp_path / "report")
    assert "no reference.json: none of 3 frames can be read" in text
    assert {"validation.json", "validation.md"} <= {path.name for path in (tmp_path / "report").iterdir()}
    assert not (tmp_path / "report" / "reference.json").exists()


def test_classes_are_suggested_for_the_colours_that_label_images_have(tmp_path: Path) -> None:
    make_colour(tmp_path / "data", folders=3, size_px=512, seed=5)
    (tmp_path / "data" / "classes.json").unlink()
    chosen = ["--params", str(ROOT / "configs" / "land-use-demo.yaml"), "--suggest-classes", str(tmp_path / "new.json")]
    done = run(str(tmp_path / "data"), *chosen)
    assert done.exit_code == 0, done.output
    found = {one["color"] for one in json.loads((tmp_path / "new.json").read_text())}
    assert found == set(COLOURS.values()) | {"#000000"}
    assert not (tmp_path / "data" / "classes.json").exists()
    with raises(ParamsError, "output.exists", tmp_path / "new.json"):
        run(str(tmp_path / "data"), *chosen)


def test_classes_are_suggested_for_label_images_only(area: Path, tmp_path: Path) -> None:
    with raises(ParamsError, "options.suggest-layout", "spacenet7"):
        run(str(area), "--suggest-classes", str(tmp_path / "new.json"))
