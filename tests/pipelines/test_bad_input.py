"""Bad input, stage by stage: exit code 1, and one message that names what is wrong, where, and what was expected."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipelines import ingest, tile, train, validate
from sn7ml.core.runtime.stage import run_stage
from sn7ml.params import load_params, recipe_of
from tests.learn.toy import write_store, write_world
from tests.sn7_folder import (
    AOI,
    HOUSES,
    MONTHS,
    SHAPE,
    addressed,
    feature,
    grid_of,
    scenes_of,
    stem,
    write_features,
    write_image,
)

ROOT = Path(__file__).resolve().parents[2]
IMAGE = f"images_masked/{stem(AOI, MONTHS[1])}.tif"
LABELS = f"labels_match_pix/{stem(AOI, MONTHS[1])}_Buildings.geojson"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serial: None) -> Path:
    """A folder with the committed params, except that frames may be as small as the tests' are."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["validation"]["sides_px"] = [32, 1024]
    params["split"]["gap_px"] = 2
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], main: Callable[..., None], **paths: Path
) -> str:
    """Run a stage as its script does; return what it said on stderr."""
    monkeypatch.setattr(sys, "argv", ["stage", *map(str, paths.values())])
    with pytest.raises(SystemExit) as ended:
        run_stage(main, *paths)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def truncate(area: Path) -> None:
    content = (area / IMAGE).read_bytes()
    (area / IMAGE).write_bytes(content[: len(content) // 2])


def three_bands(area: Path) -> None:
    write_image(area / IMAGE, addressed(SHAPE)[:3], grid_of(AOI))


def another_grid(area: Path) -> None:
    write_image(area / IMAGE, addressed((60, 64)), grid_of(AOI, (60, 64)))


def not_json(area: Path) -> None:
    (area / LABELS).write_text("<gml/>")


def duplicate_ids(area: Path) -> None:
    write_features(area / LABELS, [feature(7, HOUSES[7]), feature(7, HOUSES[12])])


def label_without_image(area: Path) -> None:
    shutil.copy(area / LABELS, area / f"labels_match_pix/{stem(AOI, '2018-03')}_Buildings.geojson")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, [AOI, "2018-02", IMAGE]),
        (three_bands, [AOI, "2018-02", IMAGE, "3"]),
        (another_grid, [AOI, "2018-02", IMAGE]),
        (not_json, [AOI, "2018-02", LABELS]),
        (duplicate_ids, [AOI, "2018-02", LABELS]),
        (label_without_image, [AOI, "2018-03", "2018_03"]),
    ],
)
def test_damaged_data_stops_at_validate_with_area_month_and_file(
    sn7_root: Path,
    project: Path,
    damage: Callable[[Path], None],
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(sn7_root / "train" / AOI)
    said = fails(monkeypatch, capsys, validate.main, data=sn7_root, out=project / "report")
    assert all(word in said for word in words), said
    assert (project / "report" / "validation.md").is_file()


@pytest.mark.parametrize("damage", [another_grid, not_json, duplicate_ids])
def test_damaged_data_that_slips_past_validate_stops_at_ingest(
    sn7_root: Path,
    project: Path,
    damage: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(sn7_root / "train" / AOI)
    said = fails(monkeypatch, capsys, ingest.main, data=sn7_root, scenes=project / "scenes")
    assert AOI in said
    assert "2018_02" in said
    assert not (project / "scenes").exists()


@pytest.mark.parametrize("damage", [truncate, three_bands])
def test_damaged_pixels_that_slip_past_validate_stop_at_tile(
    sn7_root: Path,
    project: Path,
    damage: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(sn7_root / "train" / AOI)
    scenes = scenes_of(sn7_root, out=project / "scenes").folder
    said = fails(monkeypatch, capsys, tile.main, data=sn7_root, scenes=scenes, tiles=project / "tiles")
    assert AOI in said
    assert "2018_02" in said
    assert not (project / "tiles" / "tiles.parquet").exists()


@pytest.mark.parametrize("main", [validate.main, ingest.main])
def test_no_data_folder_says_how_to_get_one(
    project: Path, main: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "out" if main is validate.main else "scenes"
    said = fails(monkeypatch, capsys, main, data=project / "data", **{name: project / "out"})
    assert "no data folder" in said
    assert "make repro" in said


def test_an_area_without_images_is_named(
    sn7_root: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(sn7_root / "train" / AOI / "images_masked")
    said = fails(monkeypatch, capsys, validate.main, data=sn7_root, out=project / "report")
    assert f"AOI {AOI}: no images; expected .tif files in its images_masked or images" in said


def test_an_unknown_key_is_named_with_what_is_known(
    sn7_root: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text + "\ntilling: {}\n")
    said = fails(monkeypatch, capsys, validate.main, data=sn7_root, out=project / "report")
    assert "tilling: unknown key; known here: [" in said
    assert "'tiling'" in said


def train_with(project: Path, **model: object) -> dict[str, Path]:
    """Lay out what the train stage reads, with a recipe of this model."""
    tiles, best = project / "tiles", project / "best.yaml"
    write_store(write_world(project), tiles)
    recipe = recipe_of(load_params(ROOT / "params.yaml")).model_dump(mode="json")
    recipe["model"] |= model
    best.write_text(yaml.safe_dump({"recipe": recipe}))
    return {"tiles": tiles, "best": best, "model": project / "model"}


def test_an_architecture_that_does_not_exist_is_named_with_those_that_do(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = fails(monkeypatch, capsys, train.main, **train_with(project, architecture="Wnet"))
    assert "'Wnet'" in said
    assert "Unet" in said
    assert not (project / "model").exists()


def test_weights_that_cannot_be_downloaded_are_named_with_a_way_out(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", unreachable)
    said = fails(monkeypatch, capsys, train.main, **train_with(project, encoder="resnet18", weights="imagenet"))
    assert "imagenet" in said
    assert "cannot be downloaded" in said
    assert "model.weights to null" in said


def test_the_undamaged_folder_passes(
    sn7_root: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", str(sn7_root), str(project / "report")])
    run_stage(validate.main, "data", "out")
    assert "validation passed" in capsys.readouterr().out
