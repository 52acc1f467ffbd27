"""The three stages that validate, as their scripts run, on a set that is sound and on what was damaged since."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipelines import ingest, tile, validate, validate_outputs, validate_tiles
from sn7ml.core.runtime.stage import run_stage
from sn7ml.outputs.footprints import write_footprints
from sn7ml.params import load_params
from sn7ml.scenes.ingest import Scenes
from sn7ml.scenes.store import TileStore
from tests.validation.damages import AOI, SECOND, Town, make_base
from tests.validation.test_damages import perfect

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, tiles, a tuned tracker, and footprints as a perfect one would find them."""
    root = tmp_path_factory.mktemp("project")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["tiling"] |= {"size_px": 32, "overlap_px": 0}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    (root / "best.yaml").write_text(yaml.safe_dump({"output": params["output"]}))
    make_base(root / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("DVC_ROOT", str(root))
        patch.setenv("SN7ML_EXECUTOR", "serial")
        ingest.main(root / "data", root / "scenes")
        tile.main(root / "data", root / "scenes", root / "tiles")
        scenes = Scenes(root / "scenes")
        aois = sorted(TileStore(root / "tiles").columns(load_params().predict.splits))
        write_footprints(root / "found", perfect(scenes, aois), scenes.grids_of(aois))
    return root


@pytest.fixture
def run(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run a stage as its script does; returns exit code and what it said."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("DVC_ROOT", str(project))
    monkeypatch.setenv("SN7ML_EXECUTOR", "serial")

    def call(main: Callable[..., None], **paths: Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["stage", *map(str, paths.values()), str(tmp_path / "out")])
        code = 0
        try:
            run_stage(main, *paths, "out")
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


def verdict(out: Path) -> bool:
    return bool(json.loads((out / "verdict.json").read_text())["ok"])


def test_a_sound_set_passes_all_three(run: Callable[..., tuple[int, str]], project: Path, tmp_path: Path) -> None:
    data, scenes, tiles = project / "data", project / "scenes", project / "tiles"
    for main, paths, words in (
        (validate.main, {"data": data}, "validation passed: 15 frames, 15 label files"),
        (
            validate_tiles.main,
            {"data": data, "scenes": scenes, "tiles": tiles},
            "validation of tiles passed: 15 tiled frames, 4 regions",
        ),
        (
            validate_outputs.main,
            {
                "data": data,
                "scenes": scenes,
                "tiles": tiles,
                "tuned": project / "best.yaml",
                "outputs": project / "found",
            },
            "validation of footprints passed: ",
        ),
    ):
        code, said = run(main, **paths)
        assert code == 0, said
        assert words in said
        assert verdict(tmp_path / "out")


def test_a_mask_that_changed_since_stops_the_pipeline_and_the_report_is_there(
    run: Callable[..., tuple[int, str]], project: Path, tmp_path: Path
) -> None:
    masks = project / "tiles" / AOI / "masks.tif"
    content = masks.read_bytes()
    masks.write_bytes(content[: len(content) // 2])
    try:
        code, said = run(validate_tiles.main, data=project / "data", scenes=project / "scenes", tiles=project / "tiles")
    finally:
        masks.write_bytes(content)
    assert code == 1
    assert f"not true that images and masks can be read to the end [tiles]: {AOI} 2018-01 {AOI}/masks.tif" in said
    assert "Traceback" not in said
    assert not verdict(tmp_path / "out")
    assert "validation.html" in said
    assert AOI in (tmp_path / "out" / "validation.html").read_text()


def test_a_missing_file_of_footprints_stops_the_pipeline(
    run: Callable[..., tuple[int, str]], project: Path, tmp_path: Path
) -> None:
    path = sorted((project / "found").iterdir())[0]
    content = path.read_bytes()
    path.unlink()
    try:
        code, said = run(
            validate_outputs.main,
            data=project / "data",
            scenes=project / "scenes",
            tiles=project / "tiles",
            tuned=project / "best.yaml",
            outputs=project / "found",
        )
    finally:
        path.write_bytes(content)
    assert code == 1
    assert f"not true that footprints can be read [tracks]: {path.stem}  {path.name} (fault: no such file)" in said
    assert not verdict(tmp_path / "out")


def test_an_image_that_is_missing_in_one_of_two_folders_is_told(
    run: Callable[..., tuple[int, str]], project: Path
) -> None:
    image = Town(project / "data").image(SECOND)
    content = image.read_bytes()
    image.unlink()
    try:
        code, said = run(validate.main, data=project / "data")
    finally:
        image.write_bytes(content)
    assert code == 1
    assert "not true that images_masked has every month of images" in said
    assert f"train/{AOI}/images/{image.name}" in said
