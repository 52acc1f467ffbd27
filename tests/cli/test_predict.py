"""``sn7ml predict``, as a person types it."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from PIL import Image

from sn7ml import cli
from sn7ml.core.errors import CatalogError, ModelError, ParamsError, RasterError, Sn7Error
from sn7ml.outputs.submission import read_submission
from sn7ml.scenes.images import read_grid, read_image
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.validation.drift import make_profile
from sn7ml.validation.facts.data_profile import profile_frames
from tests.cli.bright import ROOT, Bright, predictor, run, write_package
from tests.full_disk import files_up_to
from tests.learn.toy import MONTHS, SHAPE, squares, write_world
from tests.raising import raises
from tests.sn7_folder import AOI, addressed, grid_of, stem, write_image

pytestmark = pytest.mark.usefixtures("serial")

FULL_DISK = (
    r"cannot write to .*out \(.*\)\. What lies there is whole: mend the cause|not written whole; is the disk full"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("model"))


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any model is one that finds what is bright."""
    monkeypatch.setattr("sn7ml.learn.predict.load_predictor", lambda _folder, params: predictor(Bright(), params))


@pytest.fixture(scope="module")
def finished(world: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a prediction that nothing disturbed."""
    out = tmp_path_factory.mktemp("finished") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SN7ML_EXECUTOR", "serial")
        patch.setattr("sn7ml.learn.predict.load_predictor", lambda _folder, params: predictor(Bright(), params))
        run(world, out, "--model", model)
    return out


def content(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_every_result_is_there_and_nothing_else(finished: Path) -> None:
    months = [f"{month}.{{}}" for month in MONTHS]
    assert sorted(content(finished)) == sorted(
        [
            "buildings.csv", f"footprints/{AOI}.parquet", f"maps/{AOI}.png", "predict.json", "submission.csv",
            *(f"geojson/{AOI}/{name.format('geojson')}" for name in months),
            *(f"probabilities/{AOI}/{name.format('tif')}" for name in months),
            *(f"probabilities/{AOI}/shades/{name.format('tif')}" for name in months),
        ]
    )  # fmt: skip


def test_the_bright_squares_are_found_at_their_places(finished: Path) -> None:
    table = geopandas.read_parquet(finished / "footprints" / f"{AOI}.parquet")
    assert table.crs.to_epsg() == 3857
    grid = grid_of(AOI, SHAPE)
    drawn = [square for square in squares(SHAPE).values() if square.bounds[0] >= 4 or square.bounds[1] >= 4]
    first = [grid.to_pixels(polygon) for polygon in table.loc[table["time"] == MONTHS[0], "geometry"]]
    overlaps = [max(found.intersection(square).area / found.union(square).area for found in first) for square in drawn]
    assert np.mean(np.array(overlaps) > 0.4) > 0.9


def test_all_forms_of_the_result_tell_the_same(finished: Path) -> None:
    parquet = pd.DataFrame(geopandas.read_parquet(finished / "footprints" / f"{AOI}.parquet"))
    counts = pd.read_csv(finished / "buildings.csv").set_index("time")
    submitted = read_submission(finished / "submission.csv").groupby("time").size()
    for month in MONTHS:
        rows = parquet[parquet["time"] == month]
        features = geopandas.read_file(finished / "geojson" / AOI / f"{month}.geojson")
        assert sorted(features["id"]) == sorted(rows["id"])
        assert counts.loc[month, "buildings"] == len(rows) == submitted[month] > 0
        assert counts.loc[month, "area_m2"] == pytest.approx(features["area_m2"].sum(), rel=1e-3)
        assert counts.loc[month, "usable_fraction"] == round(1 - 16 / (64 * 320), 4)  # the corner of 4 x 4
    with rasterio.open(finished / "probabilities" / AOI / f"{MONTHS[0]}.tif") as source:
        assert (source.crs.to_epsg(), source.shape, source.count) == (3857, SHAPE, 4)
    with Image.open(finished / "maps" / f"{AOI}.png") as picture:
        assert picture.size[0] > 500


def test_the_record_says_what_made_the_results(finished: Path, world: Path, model: Path) -> None:
    record = json.loads((finished / "predict.json").read_text())
    assert record["complete"] is True
    assert record["model"]["resolved"] == str(model)
    assert len(record["model"]["digest"]) == 16
    assert record["params"]["predict.tile_px"] == 32
    assert record["params"]["output.tracks.method"] == "changepoint"
    assert {"sn7ml", "torch", "python", "rasterio"} <= set(record["versions"])
    image = record["images"][f"{AOI} {MONTHS[0]}"]
    assert Path(image["file"]).is_relative_to(world)
    assert record["found"]["frames"] == 2
    assert record["found"]["buildings"] > 10


def test_killed_within_the_second_frame_it_goes_on_and_ends_as_if_nothing_had_been(
    bright: None, finished: Path, world: Path, model: Path, tmp_path: Path
) -> None:
    out, hangs = tmp_path / "out", tmp_path / "hangs"
    first = out / "probabilities" / AOI / f"{MONTHS[0]}.tif"
    command = [sys.executable, "-m", "tests.cli.bright", *map(str, (first, hangs, world, out, "--model", model))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 120
            while not hangs.exists():
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
        finally:
            process.kill()
    assert json.loads((out / "predict.json").read_text())["complete"] is False
    assert [path.name for path in first.parent.glob("*.tif")] == [first.name]
    (first.parent / f".{MONTHS[1]}.17.tmp.tif").touch()  # what a kill leaves that comes while a file is written
    age = first.stat().st_mtime_ns
    assert "1 of 2 frames were there already" in run(world, out, "--model", model)
    assert first.stat().st_mtime_ns == age
    left, right = content(out), content(finished)
    assert set(left) == set(right)
    assert [name for name in left if left[name] != right[name]] == []


def test_a_month_that_came_later_is_added(
    bright: None, finished: Path, world: Path, model: Path, tmp_path: Path
) -> None:
    images = world / "train" / AOI / "images_masked"
    flat, out = tmp_path / "flat", tmp_path / "out"
    flat.mkdir()
    for month in MONTHS:
        shutil.copy(images / f"{stem(AOI, month)}.tif", flat)
        run(flat, out, "--model", model)
    left, right = content(out), content(finished)
    assert [name for name in right if left[name] != right[name]] == ["predict.json"]  # other paths of the images


def test_another_model_is_refused_unless_the_old_results_may_go(
    bright: None, finished: Path, world: Path, tmp_path: Path
) -> None:
    out, other = shutil.copytree(finished, tmp_path / "out"), write_package(tmp_path / "other", batch_size=2)
    with raises(CatalogError, "prediction.other", "predict.batch_size 3", 2, "--overwrite"):
        run(world, out, "--model", other)
    assert content(out) == content(finished)
    run(world, out, "--model", other, "--overwrite")
    assert json.loads((out / "predict.json").read_text())["params"]["predict.batch_size"] == 2


def test_results_do_not_mix_with_files_of_something_else_and_this_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "submission.csv").touch()
    with raises(CatalogError, "prediction.folder-not-empty", tmp_path / "out"):
        run(tmp_path / "nowhere", tmp_path / "out", "--overwrite")


def test_a_single_image_without_a_date_or_a_building_is_an_area(bright: None, model: Path, tmp_path: Path) -> None:
    even = np.full((3, 40, 40), 90, np.uint8)
    write_image(tmp_path / "harbour.tif", even, grid_of(AOI, (40, 40)))
    told = run(tmp_path / "harbour.tif", tmp_path / "out", "--model", model, "--month", "2020-05")
    assert "0 buildings, 0 footprints in 1 frames" in told
    assert len(geopandas.read_parquet(tmp_path / "out" / "footprints" / "harbour.parquet")) == 0
    assert len(geopandas.read_file(tmp_path / "out" / "geojson" / "harbour" / "2020-05.geojson")) == 0
    assert (tmp_path / "out" / "submission.csv").read_text() == "filename,id,geometry\n"
    assert "harbour,2020-05,0,0,0.0,0.0,1.0" in (tmp_path / "out" / "buildings.csv").read_text()
    assert (tmp_path / "out" / "maps" / "harbour.png").exists()


def test_an_image_of_three_bands_gives_what_one_with_alpha_does(
    bright: None, world: Path, model: Path, tmp_path: Path
) -> None:
    """Unusable pixels are 0 in all bands of the toy world."""
    source = world / "train" / AOI / "images_masked" / f"{stem(AOI, MONTHS[0])}.tif"
    pixels, grid = read_image(source).pixels, read_grid(source)
    for name, bands, nodata in (("rgba", pixels, None), ("rgb", pixels[:3], 0)):
        path = tmp_path / name / f"{stem(AOI, MONTHS[0])}.tif"
        write_image(path, bands, grid)
        with rasterio.open(path, "r+") as target:
            target.nodata = nodata
        run(path, tmp_path / f"out-{name}", "--model", model)
    left, right = (content(tmp_path / f"out-{name}") for name in ("rgb", "rgba"))
    assert [name for name in left if left[name] != right[name]] == ["predict.json"]


def test_input_that_cannot_be_predicted_leaves_no_trace(bright: None, model: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "a_2020_05.tif", addressed((40, 40))[:2], grid_of(AOI, (40, 40)))
    (tmp_path / "empty").mkdir()
    with raises(RasterError, "image.unusable", "a_2020_05.tif", faults=["image.band-order"]):
        run(tmp_path / "a_2020_05.tif", tmp_path / "out", "--model", model)
    with raises(CatalogError, "data.no-images", tmp_path / "empty"):
        run(tmp_path / "empty", tmp_path / "out", "--model", model)
    assert not (tmp_path / "out").exists()


def test_a_truncated_image_is_named_and_frames_before_it_stay(
    bright: None, world: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copytree(world, tmp_path / "world")
    broken = tmp_path / "world" / "train" / AOI / "images_masked" / f"{stem(AOI, MONTHS[1])}.tif"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) * 9 // 10])
    with raises(RasterError, "image.not-geotiff", broken):
        run(tmp_path / "world", tmp_path / "out", "--model", model)
    made = [path.name for path in (tmp_path / "out" / "probabilities" / AOI).glob("*.tif")]
    assert made == [f"{MONTHS[0]}.tif"]


def test_a_model_that_is_not_there_or_not_whole_is_named(world: Path, tmp_path: Path) -> None:
    with raises(ModelError, "registry.model-name", tmp_path / "nowhere", "models:/"):
        run(world, tmp_path / "out", "--model", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with raises(ModelError, "package.unreadable", tmp_path / "empty"):
        run(world, tmp_path / "out", "--model", tmp_path / "empty")
    with raises(ModelError, "package.weights-misfit", tmp_path / "damaged"):
        run(world, tmp_path / "out", "--model", write_package(tmp_path / "damaged"))
    assert not (tmp_path / "out").exists()


def test_a_package_that_does_not_say_how_it_is_used_asks_for_params(
    world: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bare = shutil.copytree(model, tmp_path / "bare", ignore=shutil.ignore_patterns("usage.yaml"))
    with raises(ParamsError, "package.no-usage", bare, "--params FILE"):
        run(world, tmp_path / "out", "--model", bare)


def test_a_model_of_another_version_of_sn7ml_is_used_as_params_say(
    bright: None, world: Path, model: Path, tmp_path: Path
) -> None:
    old = shutil.copytree(model, tmp_path / "old")
    usage = yaml.safe_load((old / "usage.yaml").read_text())
    del usage["output"]["tracks"]["changepoint"]["min_mean"]
    (old / "usage.yaml").write_text(yaml.safe_dump(usage))
    with raises(ParamsError, "package.other-version", "min_mean: ", "--params FILE", faults=["params.invalid"]):
        run(world, tmp_path / "out", "--model", old)
    assert "buildings" in run(world, tmp_path / "out", "--model", old, "--params", ROOT / "params.yaml")


@pytest.mark.parametrize("most_bytes", [2_000, 9_000, 20_000, 60_000], ids=["record", "parquet", "GeoJSON", "map"])
def test_a_full_disk_is_told_and_what_is_there_is_whole(
    bright: None, finished: Path, world: Path, model: Path, tmp_path: Path, most_bytes: int
) -> None:
    out = tmp_path / "out"
    with (
        files_up_to(most_bytes),
        pytest.raises(Sn7Error, match=FULL_DISK),
    ):
        run(world, out, "--model", model)
    whole = content(finished)
    assert {name for name, data in content(out).items() if whole.get(name) != data} <= {"predict.json"}
    run(world, out, "--model", model)
    assert content(out) == whole


def test_errors_are_words_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sn7ml", "predict", str(tmp_path / "nowhere"), str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "error [data.no-folder]: " in capsys.readouterr().err


def test_what_the_training_frames_looked_like_says_how_far_to_trust(
    bright: None, world: Path, model: Path, tmp_path: Path
) -> None:
    frames = scan(world)
    alike, other = (shutil.copytree(model, tmp_path / name) for name in ("alike", "other"))
    looks = profile_frames(world, frames)
    write_looks(alike, looks)
    write_looks(other, looks.assign(brightness_red=looks["brightness_red"] + 80.0))
    assert "can be trusted here" in run(world, tmp_path / "out", "--model", alike)
    record = json.loads((tmp_path / "out" / "predict.json").read_text())["found"]
    assert record["trust"] == json.loads((tmp_path / "out" / "drift.json").read_text())["level"] == "trusted"
    told = run(world, tmp_path / "elsewhere", "--model", other)
    assert "not to be trusted" in " ".join(told.split())
    assert "brightness, red" in " ".join(told.split())
    assert (tmp_path / "elsewhere" / "drift.html").stat().st_size > 1000


def test_a_model_that_does_not_say_what_it_learned_from_is_told(finished: Path) -> None:
    assert json.loads((finished / "predict.json").read_text())["found"]["trust"] == "unknown"


def test_damaged_looks_are_told_before_any_work(world: Path, model: Path, tmp_path: Path) -> None:
    package = shutil.copytree(model, tmp_path / "package")
    (package / "looks.json").write_text("{")
    with raises(ModelError, "drift.not-a-reference", package / "looks.json"):
        run(world, tmp_path / "out", "--model", package)
    assert not (tmp_path / "out").exists()


def write_looks(package: Path, facts: pd.DataFrame) -> None:
    (package / "looks.json").write_text(make_profile(facts).model_dump_json())
