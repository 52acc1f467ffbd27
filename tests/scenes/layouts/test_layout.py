"""Another layout is one value: pairs of <place>_<time>.tif and .geojson are ingested and validated like any other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from shapely.geometry import box
from typer.testing import CliRunner

from sn7ml import cli
from sn7ml.core.errors import ParamsError
from sn7ml.core.schemas import FRAMES, LABELS, SOURCES
from sn7ml.params import SplitParams, load_params
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.labels import RawLabels, read_geojson
from sn7ml.scenes.layouts import Layout
from sn7ml.validation.run import raw_facts, run_validation
from tests.raising import raises
from tests.sn7_folder import AOI, SPLIT, addressed, feature, grid_of, write_features, write_image

ROOT = Path(__file__).resolve().parents[3]
SHAPE = (64, 72)
HOUSES = {"harbour": box(3, 4, 9, 10), "mill": box(20, 30, 26, 39)}


def pairs_in(root: Path) -> pd.DataFrame:
    rows = []
    for image in sorted(root.glob("*.tif")):
        place, _, time = image.stem.rpartition("_")
        labels = image.with_suffix(".geojson")
        rows.append({"aoi": place, "time": time, "image": image.name, "labels": labels.name * labels.is_file()})
    return SOURCES.check(pd.DataFrame(rows).assign(part="", labels_kind="", mask=""))


def read_pair(root: Path, source: Mapping[Any, Any]) -> RawLabels:
    return read_geojson(root / source["labels"], in_pixels=False, id_name=None)


def alone(frames: pd.DataFrame, _split: SplitParams) -> dict[str, str]:
    return {aoi: aoi for aoi in frames["aoi"]}


PAIRS = Layout("pairs", sources=pairs_in, read_labels=read_pair, groups=alone)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    grid = grid_of(AOI, SHAPE)
    for number, place in enumerate(("harbour", "mill", "moor")):
        write_image(tmp_path / f"data/{place}_2020-05.tif", addressed(SHAPE, number), grid)
    for place, house in HOUSES.items():
        houses = [feature("ignored", grid.to_crs(house)), feature(None, grid.to_crs(box(40, 40, 44, 44)))]
        write_features(tmp_path / f"data/{place}_2020-05.geojson", houses)
    return tmp_path / "data"


@pytest.mark.usefixtures("serial")
def test_another_layout_is_ingested(root: Path, tmp_path: Path) -> None:
    scenes = ingest(root, PAIRS.sources(root), PAIRS, SPLIT, tmp_path / "scenes")
    frames = FRAMES.check(scenes.frames)
    assert frames["labelled"].tolist() == [True, True, False]
    labels = LABELS.check(scenes.labels_of(["harbour", "mill", "moor"]))
    assert labels[["aoi", "id"]].to_numpy().tolist() == [
        ["harbour", "0"],
        ["harbour", "1"],
        ["mill", "0"],
        ["mill", "1"],
    ]
    for place, house in HOUSES.items():
        (found,) = labels.loc[(labels["aoi"] == place) & (labels["id"] == "0"), "geometry"]
        assert found.bounds == pytest.approx(house.bounds, abs=1e-6)


@pytest.mark.usefixtures("serial")
def test_another_layout_is_validated(root: Path) -> None:
    params = load_params(ROOT / "params.yaml").validation
    facts = raw_facts(root, PAIRS.sources(root), PAIRS)
    assert facts["frames"]["stem_ok"].isna().all()  # nothing is said of names that may be anything
    assert facts["frames"]["tile_offset_px"].isna().all()
    assert facts["labels"]["n"].tolist() == [2, 2]
    report = run_validation(root, PAIRS.sources(root), PAIRS, params)
    assert report.ok, report.summary()
    assert [result.name for result in report.failures()] == ["images have labels"]  # moor has none


@pytest.fixture
def params_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Params name the layout of this file, whatever file they are read from."""
    plain = load_params(ROOT / "params.yaml")
    named = plain.model_copy(update={"data": plain.data.model_copy(update={"layout": "pairs"})})
    monkeypatch.setattr("sn7ml.params.load_params", lambda _path: named)
    monkeypatch.setattr("sn7ml.scenes.layouts.layout_of", lambda _data: PAIRS)


@pytest.mark.usefixtures("serial", "params_of_pairs")
def test_the_command_line_validates_the_layout_that_params_name(root: Path) -> None:
    done = CliRunner().invoke(cli.app, ["validate", str(root), "--params", "any.yaml"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "3 frames, 2 label files" in " ".join(done.output.split())


@pytest.mark.usefixtures("params_of_pairs")
def test_a_command_that_knows_one_layout_refuses_another(root: Path, tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    with raises(ParamsError, "options.fix-layout", "pairs", "spacenet7"):
        command = ["validate", str(root), "--params", "any.yaml", "--fix", str(mended)]
        CliRunner().invoke(cli.app, command, catch_exceptions=False)
    assert not mended.exists()
