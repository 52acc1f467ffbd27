"""Images with a GeoJSON of the same name beside them."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box, mapping

from sn7ml.core.errors import CatalogError
from sn7ml.core.geo.grid import Grid
from sn7ml.scenes.labels import buildings_of
from sn7ml.scenes.layouts.pairs import read_labels, scan

GRID = Grid(32611, Affine(0.5, 0, 600_000, 0, -0.5, 4_000_000), (20, 30))
HOUSE = box(3, 4, 10, 12)


def write_pair(place: Path, labelled: bool = True) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    options = {"driver": "GTiff", "dtype": "uint8", "count": 3, "crs": "EPSG:32611", "transform": GRID.transform}
    with rasterio.open(place.with_suffix(".tif"), "w", height=20, width=30, **options) as target:
        target.write(np.full((3, 20, 30), 7, np.uint8))
    if labelled:
        feature = {"type": "Feature", "properties": None, "geometry": mapping(GRID.to_crs(HOUSE))}
        place.with_suffix(".geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))


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
