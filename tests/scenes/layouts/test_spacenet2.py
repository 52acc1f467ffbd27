"""Single scenes of a city: GeoJSON or CSV, empty scenes, scenes without labels."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Geod
from shapely.geometry import MultiPolygon, Polygon, box, mapping, shape
from shapely.geometry.base import BaseGeometry

from sn7ml.core.errors import CatalogError, LabelError
from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.ground import outline_areas_m2
from sn7ml.scenes.labels import buildings_of
from sn7ml.scenes.layouts.spacenet2 import read_labels, scan
from sn7ml.scenes.raw_images import raw_geotiff
from tests.real import real

DEGREES = 2.7e-6
GRID = Grid(4326, Affine(DEGREES, 0, -115.3, 0, -DEGREES, 36.2), (40, 50))
HOUSE, YARD = box(5, 6, 15, 20), Polygon(box(20, 5, 40, 25).exterior.coords, [box(25, 10, 35, 20).exterior.coords])
TWO_PARTS = MultiPolygon([box(1, 30, 4, 33), box(6, 30, 9, 36)])
CITY = "AOI_2_Vegas_Train"


def write_scene(city: Path, scene: str, folder: str = "RGB-PanSharpen") -> Path:
    path = city / folder / f"{folder}_{scene}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"driver": "GTiff", "dtype": "uint16", "count": 3, "crs": "EPSG:4326", "transform": GRID.transform}
    with rasterio.open(path, "w", height=40, width=50, **options) as target:
        target.write(np.arange(3 * 40 * 50, dtype=np.uint16).reshape(3, 40, 50))
    return path


def write_geojson(city: Path, scene: str, outlines: list[Polygon | MultiPolygon]) -> None:
    path = city / "geojson" / "buildings" / f"buildings_{scene}.geojson"
    path.parent.mkdir(parents=True, exist_ok=True)
    features = [
        {
            "type": "Feature",
            "properties": {"Id": 0, "partialBuilding": 1.0},
            "geometry": mapping(shapely.force_3d(shape)),
        }
        for shape in GRID.to_crs(np.array(outlines, object)).tolist()
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def write_csv(city: Path, scenes: dict[str, list[Polygon]]) -> Path:
    path = city / "summaryData" / f"{CITY}_Building_Solutions.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ImageId", "BuildingId", "PolygonWKT_Pix", "PolygonWKT_Geo"])
        for scene, outlines in scenes.items():
            for number, outline in enumerate(outlines, start=1):
                table.writerow([scene, number, outline.wkt, GRID.to_crs(outline).wkt])
            if not outlines:
                table.writerow([scene, -1, "POLYGON EMPTY", "POLYGON EMPTY"])
    return path


def found(root: Path, scene: str) -> pd.DataFrame:
    """The buildings of a scene, as ingest would have them."""
    (source,) = scan(root).query(f"aoi == '{scene}'").to_dict("records")
    return buildings_of(read_labels(root, source), GRID)


def geodesic_m2(outline: BaseGeometry) -> float:
    """Return the area of an outline in degrees."""
    return abs(Geod(ellps="WGS84").geometry_area_perimeter(outline)[0])


def test_scenes_of_all_cities_are_found_by_their_images(tmp_path: Path) -> None:
    write_scene(tmp_path / CITY, "AOI_2_Vegas_img9")
    write_scene(tmp_path / CITY, "AOI_2_Vegas_img10")
    write_scene(tmp_path / "AOI_3_Paris_Test", "AOI_3_Paris_img1", "PS-RGB")
    write_geojson(tmp_path / CITY, "AOI_2_Vegas_img9", [HOUSE])
    table = scan(tmp_path).set_index("aoi")
    assert list(table.index) == ["AOI_2_Vegas_img10", "AOI_2_Vegas_img9", "AOI_3_Paris_img1"]
    assert table["part"].tolist() == [CITY, CITY, "AOI_3_Paris_Test"]
    assert table["labels_kind"].tolist() == ["", "geojson", ""]
    assert set(table["time"]) == {"undated"}
    one_city = scan(tmp_path / CITY)
    assert one_city["part"].tolist() == ["", ""]
    assert (tmp_path / CITY / one_city["image"][1]).is_file()


def test_geojson_and_csv_give_the_same_labels(tmp_path: Path) -> None:
    city = tmp_path / CITY
    for scene in ("img1", "img2"):
        write_scene(city, scene)
    write_geojson(city, "img1", [HOUSE, YARD, TWO_PARTS])
    write_csv(city, {"img2": [HOUSE, YARD, *TWO_PARTS.geoms]})
    table = scan(tmp_path).set_index("aoi")
    assert table["labels_kind"].to_dict() == {"img1": "geojson", "img2": "csv"}
    masks = [burn_ids(found(tmp_path, scene)["geometry"].tolist(), GRID.shape) > 0 for scene in ("img1", "img2")]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert masks[0].sum() == 10 * 14 + 20 * 20 - 10 * 10 + 3 * 3 + 3 * 6
    assert [len(found(tmp_path, scene)) for scene in ("img1", "img2")] == [4, 4]
    assert found(tmp_path, "img1")["id"].is_unique


def test_geojson_is_preferred_where_both_are(tmp_path: Path) -> None:
    city = tmp_path / CITY
    write_scene(city, "img1")
    write_geojson(city, "img1", [HOUSE])
    write_csv(city, {"img1": [HOUSE, YARD]})
    assert len(found(tmp_path, "img1")) == 1


def test_an_empty_scene_is_labelled_and_one_that_nothing_names_is_not(tmp_path: Path) -> None:
    city = tmp_path / CITY
    for scene in ("img1", "img2", "img3"):
        write_scene(city, scene)
    write_geojson(city, "img1", [])
    write_csv(city, {"img2": []})
    table = scan(tmp_path).set_index("aoi")
    assert (table["labels"] != "").to_dict() == {"img1": True, "img2": True, "img3": False}
    assert [len(found(tmp_path, scene)) for scene in ("img1", "img2")] == [0, 0]


def test_a_file_that_is_called_otherwise_and_a_scene_of_two_cities_are_named(tmp_path: Path) -> None:
    write_scene(tmp_path / CITY, "img1")
    write_scene(tmp_path / "other", "img1")
    write_scene(tmp_path / CITY, "img2").rename(tmp_path / CITY / "RGB-PanSharpen" / "holiday.tif")
    with pytest.raises(CatalogError) as caught:
        scan(tmp_path)
    assert caught.value.code == "data.bad-files"
    assert "holiday.tif" in str(caught.value)
    assert "img1" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ImageId,BuildingId\nimg1,1\n", "submission.header"),
        ("ImageId,BuildingId,PolygonWKT_Pix,PolygonWKT_Geo\nimg1,1\n", "labels.bad-files"),
        (
            'ImageId,BuildingId,PolygonWKT_Pix,PolygonWKT_Geo\nimg1,1,POINT (1 1),"POLYGON ((1 2, 3"\n',
            "labels.bad-feature",
        ),
        (
            'ImageId,BuildingId,PolygonWKT_Pix,PolygonWKT_Geo\nimg1,one,POINT (1 1),"POLYGON ((1 2, 3 4, 5 6, 1 2))"\n',
            "labels.bad-feature",
        ),
    ],
    ids=["columns", "fields", "outline", "id"],
)
def test_a_damaged_table_is_refused(tmp_path: Path, text: str, code: str) -> None:
    write_scene(tmp_path / CITY, "img1")
    write_csv(tmp_path / CITY, {}).write_text(text)
    with pytest.raises(LabelError) as caught:
        found(tmp_path, "img1")
    assert caught.value.code == code


def test_the_real_scenes_are_those_of_their_description() -> None:
    root = real("spacenet2")
    buildings = {"225": 46, "1265": 49, "1488": 29, "2636": 27, "1385": 3, "246": 0, "802": 0}
    built_percent = {"225": 26.4, "1265": 26.2, "1488": 21.6, "2636": 15.9, "1385": 2.1, "246": 0.0, "802": 0.0}
    table = scan(root)
    assert (table["labels"] == "").sum() == 1
    for source in table[table["labels"] != ""].to_dict("records"):
        number = source["aoi"].rpartition("img")[2]
        grid = raw_geotiff(root / source["image"]).grid
        by_csv = {**source, "labels_kind": "csv", "labels": next(root.rglob("*.csv")).relative_to(root).as_posix()}
        both = [buildings_of(read_labels(root, it), grid) for it in (source, by_csv)]
        masks = [burn_ids(labels["geometry"].tolist(), grid.shape) > 0 for labels in both]
        assert len(both[0]) == buildings[number]
        assert 100 * masks[0].mean() == pytest.approx(built_percent[number], abs=0.05)
        assert (masks[0] & masks[1]).sum() >= 0.999 * (masks[0] | masks[1]).sum()
        areas = [outline_areas_m2(labels["geometry"].to_numpy(), grid) for labels in both]
        assert areas[0].sum() == pytest.approx(areas[1].sum(), rel=1e-3)
        outlines = json.loads((root / source["labels"]).read_text())["features"]
        assert areas[0] == pytest.approx([geodesic_m2(shape(it["geometry"])) for it in outlines], rel=0.005)


def test_outlines_at_49_degrees_have_their_area_on_the_ground() -> None:
    root = real("spacenet2")
    vegas, paris = (raw_geotiff(next(root.rglob(f"*_img{number}.tif"))).grid for number in (225, 197))
    (source,) = scan(root).query("aoi == 'AOI_2_Vegas_img225'").to_dict("records")
    outlines = buildings_of(read_labels(root, source), vegas)["geometry"].to_numpy()
    expected = [geodesic_m2(paris.to_crs(outline)) for outline in outlines]
    assert paris.transform.f == pytest.approx(49, abs=0.5)
    assert outline_areas_m2(outlines, paris) == pytest.approx(expected, rel=0.005)
