"""Images with a GeoJSON of the same name beside them."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer
from shapely.geometry import Polygon, box, mapping

from sn7ml.core.errors import CatalogError, LabelError
from sn7ml.core.geo.grid import Grid
from sn7ml.scenes.labels import buildings_of
from sn7ml.scenes.layouts.pairs import name_facts, read_labels, scan
from tests.raising import raises

GRID = Grid(32611, Affine(0.5, 0, 600_000, 0, -0.5, 4_000_000), (20, 30))
HOUSE = box(3, 4, 10, 12)


def write_pair(place: Path, labelled: bool = True) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    options = {"driver": "GTiff", "dtype": "uint8", "count": 3, "crs": "EPSG:32611", "transform": GRID.transform}
    with rasterio.open(place.with_suffix(".tif"), "w", height=20, width=30, **options) as target:
        target.write(np.full((3, 20, 30), 7, np.uint8))
    if labelled:
        write_outlines(place, GRID.to_crs(HOUSE))


def write_outlines(place: Path, outline: Polygon, crs: str = "") -> None:
    feature = {"type": "Feature", "properties": None, "geometry": mapping(outline)}
    named = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    place.with_suffix(".geojson").write_text(json.dumps({"type": "FeatureCollection", **named, "features": [feature]}))


def test_every_image_below_the_folder_is_found_with_its_labels(tmp_path: Path) -> None:
    write_pair(tmp_path / "harbour")
    write_pair(tmp_path / "north" / "hill")
    write_pair(tmp_path / "north" / "lake", labelled=False)
    write_pair(tmp_path / ".trash" / "old")
    table = scan(tmp_path).set_index("aoi")
    assert table["part"].to_dict() == {"harbour": "", "hill": "north", "lake": "north"}
    assert (table["labels"] != "").to_dict() == {"harbour": True, "hill": True, "lake": False}
    found = buildings_of(read_labels(tmp_path, scan(tmp_path).iloc[1].to_dict()), GRID)
    assert found["id"].tolist() == ["0"]
    assert found["geometry"].iloc[0].equals_exact(HOUSE.normalize(), 1e-6) or found["geometry"].iloc[0].equals(HOUSE)


def test_two_images_of_one_name_and_names_that_are_none_are_all_named(tmp_path: Path) -> None:
    write_pair(tmp_path / "a" / "hill")
    write_pair(tmp_path / "b" / "hill")
    write_pair(tmp_path / "two words")
    with pytest.raises(CatalogError) as caught:
        scan(tmp_path)
    assert caught.value.code == "data.bad-files"
    assert "b/hill.tif" in str(caught.value)
    assert "two words" in str(caught.value)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as caught:
        scan(tmp_path)
    assert caught.value.code == "data.no-images"


@pytest.mark.parametrize(("epsg", "crs"), [(4326, ""), (4326, "urn:ogc:def:crs:OGC:1.3:CRS84"), (3857, "EPSG:3857")])
def test_outlines_are_read_in_the_crs_that_their_file_is_in(tmp_path: Path, epsg: int, crs: str) -> None:
    write_pair(tmp_path / "harbour")
    to_file = Transformer.from_crs(32611, epsg, always_xy=True)
    write_outlines(
        tmp_path / "harbour", shapely.transform(GRID.to_crs(HOUSE), to_file.transform, interleaved=False), crs
    )
    found = buildings_of(read_labels(tmp_path, scan(tmp_path).iloc[0].to_dict()), GRID)
    assert found["geometry"].iloc[0].symmetric_difference(HOUSE).area < 1e-3


def test_a_declared_crs_that_nobody_knows_is_named(tmp_path: Path) -> None:
    write_pair(tmp_path / "harbour")
    write_outlines(tmp_path / "harbour", GRID.to_crs(HOUSE), "EPSG:999999")
    with raises(LabelError, "labels.crs", "harbour.geojson", "EPSG:999999", "32611"):
        read_labels(tmp_path, scan(tmp_path).iloc[0].to_dict())


def test_labels_go_with_the_image_of_their_name_whatever_is_missing(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b", "c")):
        write_pair(tmp_path / name)
        write_outlines(tmp_path / name, GRID.to_crs(box(number, 1, number + 5, 9)))
    (tmp_path / "a.geojson").unlink()
    (tmp_path / "b.tif").unlink()
    table = scan(tmp_path)
    assert table["labels"].tolist() == ["", "c.geojson"]
    found = buildings_of(read_labels(tmp_path, table.iloc[1].to_dict()), GRID)
    assert found["geometry"].iloc[0].bounds == pytest.approx((2, 1, 7, 9))
    strays = [it["file"] for it in name_facts(tmp_path, table) if not it["has_image"]]
    assert strays == ["b.geojson"]
