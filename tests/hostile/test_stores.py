"""Tile stores and MLflow stores that are damaged, or are none."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from sn7ml.core.errors import ModelError, RasterError, StoreError, TableError
from sn7ml.core.runtime.files import read_output
from sn7ml.outputs.probabilities import ProbabilityCube
from sn7ml.registry.versions import package_folder
from sn7ml.runs.store import VARIABLE, open_store
from sn7ml.scenes.store import TileStore
from tests.hostile.readers import SMALL, write_month
from tests.hostile.test_frames import PROFILE
from tests.hostile.test_no_such_file import SPOILS
from tests.learn.toy import write_store, write_world
from tests.raising import assert_names, raises
from tests.sn7_folder import AOI


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    write_store(write_world(tmp_path / "data"), tmp_path / "tiles")
    return tmp_path / "tiles"


def use(tiles: Path) -> None:
    """Read all that a store holds."""
    store = TileStore(tiles)
    assert len(store.tiles)
    assert len(store.regions)
    assert store.upsampling == 1
    assert store.tile_px == 32
    assert len(store.statistics) == 2
    store.read_pixels(AOI, "2018-01", (0, 0), 32)
    store.read_flags(AOI, "2018-02", (0, 0), (32, 32))


@pytest.mark.parametrize(
    "spoil", [spoil for spoil in SPOILS if spoil.__name__ != "giant"], ids=lambda spoil: spoil.__name__
)
@pytest.mark.parametrize(
    "name", ["frames.parquet", "regions.parquet", "tiles.parquet", f"{AOI}/images.tif", f"{AOI}/masks.tif"]
)
def test_a_damaged_file_of_a_tile_store_is_named(name: str, spoil: Callable[[Path], None], tiles: Path) -> None:
    use(tiles.rename(tiles.with_name("good")))  # files stay open by their names
    tiles.with_name("good").rename(tiles)
    (tiles / name).unlink()
    spoil(tiles / name)
    with pytest.raises((TableError, RasterError)) as caught:
        use(tiles)
    assert_names(str(caught.value), "tiles", Path(name).stem)
    assert "dvc repro tile" in str(caught.value) or name.endswith(".tif")


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("aoi", "../../elsewhere", "tiles.aoi-name"),
        ("aoi", "/etc", "tiles.aoi-name"),
        ("aoi", "", "tiles.aoi-name"),
        ("rows", 0, "tiles.no-frames"),
        ("rows", -1, "tiles.no-frames"),
        ("tile_px", 0, "tiles.no-frames"),
        ("rows", "many", "table.column-type"),
        ("labelled", 1.5, "table.column-type"),
        ("mean_red", "x", "table.column-type"),
    ],
)
def test_frames_that_lead_elsewhere_or_have_no_size_are_refused(
    column: str, value: object, code: str, tiles: Path
) -> None:
    frames = pd.read_parquet(tiles / "frames.parquet")
    frames[column] = pd.Series([value] * len(frames))
    frames["time"] = [f"2018-{n:02}" for n in range(1, len(frames) + 1)]
    frames.to_parquet(tiles / "frames.parquet")
    with raises(TableError, code, tiles / "frames.parquet"):
        use(tiles)


def test_a_store_without_frames_is_refused(tiles: Path) -> None:
    pd.read_parquet(tiles / "frames.parquet").head(0).to_parquet(tiles / "frames.parquet")
    with raises(TableError, "tiles.no-frames", tiles / "frames.parquet"):
        use(tiles)


@pytest.mark.parametrize("shape", [(1, 64, 320), (8, 16, 16)], ids=["too few bands", "too small"])
def test_a_shard_of_other_bands_or_size_is_refused(shape: tuple[int, int, int], tiles: Path) -> None:
    path = tiles / AOI / "images.tif"
    path.unlink()
    count, rows, cols = shape
    profile = PROFILE | {"count": count, "height": rows, "width": cols}
    with rasterio.open(path, "w", **profile) as target:
        target.write(np.zeros(shape, np.uint8))
    with raises(RasterError, "tiles.shard", path, "`dvc repro tile`"):
        use(tiles)


def test_a_month_that_is_none_among_probabilities_is_named(tmp_path: Path) -> None:
    write_month(tmp_path / "2018-01.tif")
    (tmp_path / "2018-13.tif").write_bytes((tmp_path / "2018-01.tif").read_bytes())
    with raises(RasterError, "probabilities.file-name", tmp_path, "['2018-13']", "2018-01"):
        ProbabilityCube(tmp_path, SMALL)


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_damaged_scores_of_an_earlier_stage_are_named(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    spoil(tmp_path / "metrics.json")
    with raises(TableError, ("json.cannot-read", "json.not-json"), tmp_path / "metrics.json", "`dvc repro`"):
        read_output(tmp_path / "metrics.json")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    "uri",
    [
        "foo://bar",
        "sqlite:////proc/no/such/all.db",
        "postgresql://localhost:1/x",
        "mysql://x",
        "://",
        "http://",
        "\\",
    ],
)
def test_a_tracking_uri_that_is_none_is_named(uri: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with raises(StoreError, "store.cannot-open", uri):
        open_store()


def text_in_its_place(database: Path) -> None:
    database.write_text("no database " * 100)


def folder_in_its_place(database: Path) -> None:
    database.mkdir()


def other_tables(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE experiments (x)")


@pytest.mark.parametrize("spoil", [text_in_its_place, folder_in_its_place, other_tables])
def test_a_damaged_database_is_named(spoil: Callable[[Path], None], project: Path) -> None:
    (project / "mlruns").mkdir()
    spoil(project / "mlruns" / "mlflow.db")
    with raises(StoreError, "store.cannot-open", "mlruns/mlflow.db"):
        open_store()


NO_MODELS = [
    "models:/", "models:/a", "models:/a@b@c", "models:/../../../etc", "models:/a/1/../../../../etc",
    "models:/a@champion/x", "models:/" + "x" * 5_000, "models:/a b?c#d", "models:/\x1b",
]  # fmt: skip


def test_models_that_are_not_in_the_registry_are_named(project: Path) -> None:
    for model in NO_MODELS:
        with raises(StoreError, "registry.cannot-fetch", model):
            package_folder(model)


@pytest.mark.parametrize("model", ["runs:/1/x", "http://localhost:1/model", "file:///etc", "/dev/null", "a\nb"])
def test_a_model_that_is_no_folder_is_named(model: str, project: Path) -> None:
    with raises(ModelError, "registry.model-name", repr(model)):
        package_folder(model)
