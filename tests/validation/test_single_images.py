"""Tiles and footprints of single images, whatever target is drawn: sound ones pass, and damaged ones do not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from shapely.geometry import Polygon, box

from sn7ml.core.schemas import FOUND
from sn7ml.outputs.footprints import write_footprints
from sn7ml.params import Split, SplitParams, TargetParams, TilingParams
from sn7ml.scenes.ingest import Scenes as Tables
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.store import TileStore
from sn7ml.scenes.tiling import write_tiles
from sn7ml.targets import Target, target_of
from sn7ml.validation.facts.footprints import found_facts
from sn7ml.validation.facts.tiles import region_facts, tile_facts
from sn7ml.validation.report import Report
from sn7ml.validation.run import judge_tables
from sn7ml.validation.suites import found_building_suites, tile_suites
from tests.validation.test_image_suites import PARAMS, SIDE, SPACENET2, Scenes, with_black

pytestmark = pytest.mark.usefixtures("serial")

SPLIT = SplitParams(folds=1, validation_fraction=0.3, test_fraction=0.3, gap_px=4, neighbour_tiles=8, seed=7)
TILING = TilingParams(size_px=32, overlap_px=0, upsampling=2, min_usable_fraction=0.1)
TARGETS = {kind: target_of(TargetParams.model_validate({"kind": kind})) for kind in ("footprint", "distance", "rims")}
PREDICTED: tuple[Split, ...] = ("validation", "test")


def cut(made: Scenes, target: Target, out: Path, split: SplitParams = SPLIT) -> tuple[Tables, TileStore]:
    known = ingest(made.root, SPACENET2.sources(made.root), SPACENET2, split, out / "scenes")
    write_tiles(known.folder, known, split, TILING, target, out / "tiles")
    return known, TileStore(out / "tiles")


def judged(known: Tables, store: TileStore, target: Target, split: SplitParams = SPLIT) -> Report:
    facts = {"tiles": tile_facts(known, store, target), "regions": region_facts(known, store)}
    return judge_tables(facts, tile_suites(PARAMS, split, TILING))


@pytest.mark.parametrize("kind", TARGETS)
def test_masks_of_every_target_are_as_large_as_their_polygons(kind: str, tmp_path: Path) -> None:
    made = Scenes(tmp_path / "data")
    made.paint(1, with_black(14))  # half of a house is not seen
    known, store = cut(made, TARGETS[kind], tmp_path)
    report = judged(known, store, TARGETS[kind])
    assert report.ok, report.summary()
    facts = tile_facts(known, store, TARGETS[kind]).set_index("aoi")
    assert facts["n_unknown_bits"].eq(0).all()
    assert facts.loc["AOI_2_Vegas_img1", "unknown_fraction"] == pytest.approx(14 / SIDE, abs=1e-6)
    assert facts["mask_error"].dropna().max() < 0.02
    assert facts["polygon_px2"].gt(0).tolist() == [True, True, False]


@pytest.mark.parametrize("kind", TARGETS)
def test_a_mask_that_shows_less_than_its_labels_is_found(kind: str, tmp_path: Path) -> None:
    known, store = cut(Scenes(tmp_path / "data"), TARGETS[kind], tmp_path)
    with rasterio.open(store.folder / "AOI_2_Vegas_img1" / "masks.tif", "r+") as file:
        planes = file.read(1)
        planes[: SIDE // 2 * 2] = 0  # the upper half: one house of two
        file.write(planes, 1)
    failures = {it.name: it for it in judged(known, TileStore(store.folder), TARGETS[kind]).failures()}
    (caught,) = [it for name, it in failures.items() if name.startswith("the area of masks")]
    assert caught.severity == "critical"
    assert [it.aoi for it in caught.offenders] == ["AOI_2_Vegas_img1"]


def test_neighbours_whose_columns_validate_are_on_one_side(tmp_path: Path) -> None:
    made = Scenes(tmp_path / "data")
    path = made.image(2)
    with rasterio.open(path, "r+") as file:
        file.transform = made.transform(1) @ Affine.translation(SIDE, 0)  # where the first one ends
    made.label(2, [])
    split = SPLIT.model_copy(update={"test_aois": ("*_img3",), "validation_by": "columns", "gap_px": 0})
    known, store = cut(made, TARGETS["footprint"], tmp_path, split)
    report = judged(known, store, TARGETS["footprint"], split)
    assert known.frames["group"].nunique() < len(known.frames)
    assert report.ok, report.summary()


def found_in(folder: Path, known: Tables, store: TileStore, outlines: list[Polygon], confidence: float = 0.7) -> Report:
    aois = sorted(store.columns(PREDICTED))
    rows = [(aois[0], "undated", str(number), confidence, each) for number, each in enumerate(outlines)]
    table = FOUND.check(pd.DataFrame(rows, columns=list(FOUND.columns))) if rows else FOUND.empty()
    write_footprints(folder, table, known.grids_of(aois))
    facts = found_facts(known, store, folder, PREDICTED, FOUND)
    return judge_tables(facts, found_building_suites(PARAMS))


def critical(report: Report) -> list[str]:
    return [it.name for it in report.failures() if it.severity == "critical"]


def test_footprints_of_single_images_are_judged(tmp_path: Path) -> None:
    known, store = cut(Scenes(tmp_path / "data"), TARGETS["footprint"], tmp_path)
    good = found_in(tmp_path / "good", known, store, [box(5, 5, 15, 20), box(30, 30, 41, 44)])
    assert good.ok
    assert good.rows["footprints"] == 2
    assert any("were found" in it.name for it in found_in(tmp_path / "none", known, store, []).failures())
    outside = critical(found_in(tmp_path / "outside", known, store, [box(200, 5, 215, 20)]))
    assert [name for name in outside if "stick out" in name] == outside != []
    sure = critical(found_in(tmp_path / "sure", known, store, [box(5, 5, 15, 20)], confidence=7.0))
    assert [name for name in sure if "confidence" in name] == sure != []
    (tmp_path / "good" / f"{sorted(store.columns(PREDICTED))[0]}.parquet").unlink()
    missing = found_facts(known, store, tmp_path / "good", PREDICTED, FOUND)
    assert "footprints can be read" in critical(judge_tables(missing, found_building_suites(PARAMS)))


def test_what_is_known_of_counts_does_not_depend_on_a_birth(tmp_path: Path) -> None:
    known, store = cut(Scenes(tmp_path / "data"), TARGETS["footprint"], tmp_path)
    found_in(tmp_path / "found", known, store, [box(5, 5, 15, 20)])
    counts = found_facts(known, store, tmp_path / "found", PREDICTED, FOUND)["counts"]
    assert counts["n"].tolist()[0] == 1
    assert np.isfinite(counts["density_per_mpx"]).all()


def test_what_takes_no_part_is_not_in_the_store(tmp_path: Path) -> None:
    split = SPLIT.model_copy(update={"aois": ("*_img1", "*_img3"), "test_aois": ("*_img3",)})
    _, store = cut(Scenes(tmp_path / "data"), TARGETS["footprint"], tmp_path, split)
    assert set(store.frames["aoi"]) == {"AOI_2_Vegas_img1", "AOI_2_Vegas_img3"}
    assert not (store.folder / "AOI_2_Vegas_img2").exists()
