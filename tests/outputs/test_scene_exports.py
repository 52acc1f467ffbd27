"""Buildings of single images as other programs read them."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from pyproj import Geod
from shapely.geometry import MultiPolygon, Polygon, box, shape

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.core.schemas import FOUND, UNDATED
from sn7ml.outputs.buildings import BUILDINGS_OUTPUT
from sn7ml.outputs.probabilities import write_probabilities
from sn7ml.params import OutputParams

VEGAS = Grid(4326, Affine(2.7e-6, 0, -115.2, 0, -2.7e-6, 36.2), (40, 50))
PARIS = Grid(4326, Affine(2.7e-6, 0, 2.3, 0, -2.7e-6, 49.0), (40, 50))
UTM = Grid(32611, Affine(0.3, 0, 655_000, 0, -0.3, 4_006_000), (40, 50))
HOUSE, SHED = box(10, 10, 30, 20), box(40, 30, 44, 34)


def found_in(*rows: tuple[str, float, Polygon]) -> pd.DataFrame:
    table = [(aoi, UNDATED, str(n), sure, outline) for n, (aoi, sure, outline) in enumerate(rows)]
    return FOUND.check(pd.DataFrame(table, columns=list(FOUND.columns))) if table else FOUND.empty()


def exported(out: Path, found: pd.DataFrame, grids: dict[str, Grid]) -> pd.DataFrame:
    """The north-west 4 x 4 pixels are not usable."""
    for aoi, grid in grids.items():
        usable = np.ones(grid.shape, bool)
        usable[:4, :4] = False
        channels = np.zeros((1, *grid.shape), np.uint8)
        write_probabilities(out / "p" / aoi / f"{UNDATED}.tif", Probabilities(channels, usable), ["footprint"], grid, 1)
    assert BUILDINGS_OUTPUT.export is not None
    BUILDINGS_OUTPUT.write(out, found, grids)
    return BUILDINGS_OUTPUT.export(out, found, grids, out / "p", OutputParams())


@pytest.mark.parametrize("grid", [VEGAS, PARIS, UTM], ids=["36 degrees", "49 degrees", "UTM"])
def test_areas_are_those_on_the_ellipsoid_in_every_form(grid: Grid, tmp_path: Path) -> None:
    counts = exported(tmp_path, found_in(("a", 0.9, HOUSE)), {"a": grid})
    gpkg = geopandas.read_file(tmp_path / "buildings.gpkg")
    assert gpkg.crs.to_epsg() == grid.epsg
    area_m2 = abs(Geod(ellps="WGS84").geometry_area_perimeter(gpkg.to_crs(4326).geometry.iloc[0])[0])
    assert area_m2 == pytest.approx(gpkg["area_m2"].iloc[0], rel=0.005)
    parquet = geopandas.read_parquet(tmp_path / "a.parquet")
    lonlat = geopandas.read_file(tmp_path / "buildings.geojson")
    assert [*parquet["area_m2"], *lonlat["area_m2"]] == pytest.approx([area_m2] * 2, rel=0.005)
    assert counts["area_m2"].tolist() == pytest.approx([area_m2], rel=0.005)


def test_geojson_is_that_of_rfc_7946(tmp_path: Path) -> None:
    turned = Polygon(list(HOUSE.exterior.coords)[::-1])
    exported(tmp_path, found_in(("a", 0.9, HOUSE), ("a", 0.8, turned)), {"a": UTM})
    content = json.loads((tmp_path / "buildings.geojson").read_text())
    assert "crs" not in content
    outlines = [shape(feature["geometry"]) for feature in content["features"]]
    assert len(outlines) == 2
    for outline in outlines:
        assert not isinstance(outline, MultiPolygon)
        assert outline.exterior.is_ccw
        assert -116 < outline.bounds[0] < -115
        assert 36 < outline.bounds[1] < 37


def test_images_in_several_crs_share_one_file_in_degrees(tmp_path: Path) -> None:
    exported(tmp_path, found_in(("a", 0.9, HOUSE), ("b", 0.8, SHED)), {"a": UTM, "b": PARIS})
    table = geopandas.read_file(tmp_path / "buildings.gpkg")
    assert table.crs.to_epsg() == 4326
    assert table["aoi"].tolist() == ["a", "b"]
    assert table["confidence"].tolist() == [0.9, 0.8]


def test_a_mask_tells_ground_from_what_was_not_seen(tmp_path: Path) -> None:
    exported(tmp_path, found_in(("a", 0.9, HOUSE)), {"a": VEGAS})
    with rasterio.open(tmp_path / "masks" / "a" / f"{UNDATED}.tif") as source:
        mask = source.read(1)
        assert (source.nodata, source.crs.to_epsg(), source.shape) == (255, 4326, (40, 50))
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 1, 255}
    assert (int((mask == 1).sum()), int((mask == 255).sum())) == (200, 16)
    assert mask[10:20, 10:30].all()


def test_an_image_without_a_building_stands_in_every_file(tmp_path: Path) -> None:
    counts = exported(tmp_path, found_in(), {"a": VEGAS})
    assert counts[["aoi", "buildings", "area_m2"]].to_numpy().tolist() == [["a", 0, 0.0]]
    assert (tmp_path / "submission.csv").read_text().splitlines()[1:] == ["a,-1,POLYGON EMPTY,POLYGON EMPTY"]
    assert geopandas.read_file(tmp_path / "buildings.gpkg").empty
    assert json.loads((tmp_path / "buildings.geojson").read_text())["features"] == []


def test_the_same_buildings_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        exported(tmp_path / name, found_in(("a", 0.9, HOUSE)), {"a": VEGAS})
    for path in sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file()):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), path


def test_a_raster_of_distances_says_its_metres(tmp_path: Path) -> None:
    found = Probabilities(np.array([[[0, 255]]], np.uint8), np.ones((1, 2), bool))
    grid = Grid(4326, VEGAS.transform, (1, 2))
    write_probabilities(tmp_path / "a.tif", found, ["distance"], grid, 1, unit_m=16.0)
    with rasterio.open(tmp_path / "a.tif") as source:
        metres = source.read(1) * source.scales[0] + source.offsets[0]
        assert source.units[0] == "m"
    assert metres[0].tolist() == pytest.approx([-16.0, 16.0])
