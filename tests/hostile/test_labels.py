"""Label files with absurd numbers, names and depths: nothing is dropped that SpaceNet 7's own files do not have."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import Point, box

from sn7ml.core.errors import LabelError
from sn7ml.core.geo import polygons
from sn7ml.outputs.submission import read_submission
from sn7ml.scenes.label_folder import read_label_folder
from sn7ml.scenes.labels import buildings_of, read_geojson
from sn7ml.scenes.repair.labels import mend_label_file
from sn7ml.scenes.row_errors import clipped
from tests.hostile.readers import GRID, LABELS
from tests.outputs.submissions import HEADER, JAN, SQUARE
from tests.raising import raises
from tests.sn7_folder import feature, write_features, write_labels

HOUSE = feature(1, box(1, 2, 4, 6))


def labels_in(folder: Path) -> pd.DataFrame:
    return buildings_of(read_geojson(folder / LABELS, in_pixels=True), GRID)


READS = (labels_in, read_label_folder)
SUMMED_UP = "labels.bad-files"
"""The code of the second reader, which reads whole folders."""

BROKEN = ("labels.geometry", SUMMED_UP)


def polygon(*corners: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"Id": 2}, "geometry": {"type": "Polygon", "coordinates": [list(corners)]}}


def changed(**parts: Any) -> dict[str, Any]:
    return HOUSE | parts


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "Point", "coordinates": [1, 2]}
    for _ in range(depth):
        inner = {"type": "GeometryCollection", "geometries": [inner]}
    return changed(geometry=inner)


BAD = {
    "NaN": polygon([0, 0], [float("nan"), 1], [1, 1], [0, 0]),
    "infinite": polygon([0, 0], [float("inf"), 1], [1, 1], [0, 0]),
    "absurd": polygon([0, 0], [1e300, 1], [1, 1], [0, 0]),
    "in metres": polygon([4_000_000, 0], [4_000_009, 1], [4_000_001, 1], [4_000_000, 0]),
    "text": polygon(["a", "0"], ["5", "1"], ["1", "1"], ["a", "0"]),
    "two corners": polygon([0, 0], [1, 1]),
    "ragged": polygon([0, 0], [1], [1, 1], [0, 0]),
    "of four dimensions": polygon([0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]),
    "null corners": polygon([0, 0], [None, 1], [1, 1], [0, 0]),
    "corners in a map": changed(geometry={"type": "Polygon", "coordinates": {"a": 1}}),
    "a null outline": changed(geometry={"type": "Polygon", "coordinates": [None]}),
    "an empty map": changed(geometry={}),
    "an empty list": changed(geometry=[]),
    "an empty text": changed(geometry=""),
    "false": changed(geometry=False),
    "a number": changed(geometry=7),
    "an unknown type": changed(geometry={"type": "Pnlygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}),
    "no type": changed(geometry={"coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}),
    "no coordinates": changed(geometry={"type": "Polygon"}),
    "no geometry": {"type": "Feature", "properties": {"Id": 2}},
    "no id": changed(properties={}),
    "no properties": changed(properties=None),
    "id true": changed(properties={"Id": True}),
    "id 7.5": changed(properties={"Id": 7.5}),
    "id infinite": changed(properties={"Id": float("inf")}),
    "id null": changed(properties={"Id": None}),
    "id a list": changed(properties={"Id": [7]}),
    "null": None,
    "a text": "Feature",
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_feature_at_fault_is_named_by_its_number(bad: Any, tmp_path: Path) -> None:
    write_features(tmp_path / LABELS, [HOUSE, bad])
    for read in READS:
        with raises(LabelError, (*BROKEN, "labels.bad-feature", "labels.coordinate", "labels.far-away"), LABELS, 1):
            read(tmp_path)


@pytest.mark.parametrize("kind", ["match", "match_pix"])
def test_labels_in_other_coordinates_than_said_are_refused(kind: str, tmp_path: Path) -> None:
    write_labels(tmp_path / LABELS, {1: box(1, 2, 4, 6)}, GRID if kind == "match_pix" else None)
    with raises(LabelError, "labels.far-away", LABELS) as caught:
        buildings_of(read_geojson(tmp_path / LABELS, in_pixels=kind == "match_pix"), GRID)
    assert ("EPSG:3857" in str(caught.value)) == (kind == "match")


@pytest.mark.parametrize("depth", [300, 100_000])
def test_geometries_deep_within_one_another_end_in_words(depth: int, tmp_path: Path) -> None:
    head, tail = '{"type":"GeometryCollection","geometries":[', "]}"
    inner = head * depth + '{"type":"Point","coordinates":[1,2]}' + tail * depth
    text = f'{{"features":[{{"properties":{{"Id":1}},"geometry":{inner}}}]}}'
    (tmp_path / LABELS).write_text(text)
    if depth == 300:  # legal, and no polygon, which this reader drops
        assert buildings_of(read_geojson(tmp_path / LABELS, in_pixels=True), GRID).empty
    else:
        with raises(LabelError, "labels.not-json", LABELS):
            buildings_of(read_geojson(tmp_path / LABELS, in_pixels=True), GRID)


def test_a_key_named_twice_hides_nothing(tmp_path: Path) -> None:
    content = json.dumps({"features": [HOUSE]})
    (tmp_path / LABELS).write_text(content[:-1] + ', "features": []}')
    with raises(LabelError, "labels.not-json", LABELS, "features"):
        buildings_of(read_geojson(tmp_path / LABELS, in_pixels=True), GRID)


@pytest.mark.parametrize("escape", ["\\ud800", "\\uDFFF", "\\udead\\ud83d"])
@pytest.mark.parametrize("place", ['"Id": "HERE"', '"Id": 1, "image_fname": "HERE"', '"Id": 1, "HERE": 2'])
def test_half_a_character_is_refused_before_it_comes_to_be_written(escape: str, place: str, tmp_path: Path) -> None:
    properties = place.replace("HERE", escape)
    content = f'{{"features": [{{"properties": {{{properties}}}, "geometry": null}}]}}'
    said = f"is not JSON (a text holds '{escape[:6].lower()}', half a character)"
    for encoding in ("utf-16", "utf-8"):
        (tmp_path / LABELS).write_text(content, encoding=encoding)
        (note,) = mend_label_file(tmp_path / LABELS, "match_pix", None)
        assert (note.outcome, note.what, note.before) == ("left", "cannot be read", clipped(said))
    for reader in READS:
        with raises(LabelError, ("labels.not-json", SUMMED_UP), LABELS, escape[:6].lower()):
            reader(tmp_path)


def test_a_character_in_two_halves_is_one(tmp_path: Path) -> None:
    (tmp_path / LABELS).write_text(json.dumps({"features": [changed(properties={"Id": 7, "roof": "\U0001f3e0"})]}))
    assert "\\ud83c\\udfe0" in (tmp_path / LABELS).read_text()
    assert labels_in(tmp_path)["id"].tolist() == ["7"]


def star(corners: int) -> shapely.Polygon:
    """Each side crosses nearly all others."""
    turns = np.arange(corners) * (np.pi - np.pi / corners)
    return shapely.Polygon(500 + 400 * np.column_stack([np.cos(turns), np.sin(turns)]))


def test_crossings_are_counted_as_on_paper() -> None:
    # Sides of a star of n corners cross all but themselves and their two neighbours: n (n - 3) / 2.
    assert [polygons._crossings(star(corners)) for corners in (3, 5, 7, 21)] == [0, 5, 14, 189]


@pytest.mark.parametrize(
    ("corners", "read"), [(5, True), (21, True), (23, False), (201, False), (2_001, False), (10_001, False)]
)
def test_an_outline_that_crosses_itself_everywhere_is_repaired_or_refused(
    corners: int, read: bool, tmp_path: Path
) -> None:
    write_labels(tmp_path / LABELS, {1: box(1, 2, 4, 6), 2: star(corners)})
    (tmp_path / "a.csv").write_text(f'{HEADER}{JAN},1,{SQUARE}\n{JAN},2,"{star(corners).wkt}"\n')
    if read:
        assert buildings_of(read_geojson(tmp_path / LABELS, in_pixels=True), GRID)["geometry"][1].is_valid
        assert len(read_label_folder(tmp_path)) == len(read_submission(tmp_path / "a.csv")) == 2
        return
    for reader in READS:
        with raises(LabelError, BROKEN, LABELS, 1, 200):
            reader(tmp_path)
    with raises(LabelError, "submission.bad-lines", "a.csv", 3, "geometry", 200):
        read_submission(tmp_path / "a.csv")


def test_an_outline_that_does_not_cross_itself_may_have_many_corners(tmp_path: Path) -> None:
    round_house = Point(500, 500).buffer(300, quad_segs=10_000)
    write_labels(tmp_path / LABELS, {1: round_house})
    found = buildings_of(read_geojson(tmp_path / LABELS, in_pixels=True), GRID)["geometry"][0]
    assert shapely.get_num_coordinates(found) == 40_001


def test_an_outline_of_more_corners_than_a_town_has_is_refused(tmp_path: Path) -> None:
    turns = np.linspace(0, 2 * np.pi, 100_001)
    round_town = shapely.Polygon(500 + 400 * np.column_stack([np.cos(turns), np.sin(turns)]))
    write_labels(tmp_path / LABELS, {1: box(1, 2, 4, 6), 2: round_town})
    for reader in READS:
        with raises(LabelError, BROKEN, LABELS, 1, 100_000):
            reader(tmp_path)


def test_properties_may_be_anything(tmp_path: Path) -> None:
    # geopandas writes NaN, which is no JSON, for numbers that are missing.
    (tmp_path / LABELS).write_text(json.dumps({"features": [changed(properties={"Id": 7, "area": float("nan")})]}))
    assert buildings_of(read_geojson(tmp_path / LABELS, in_pixels=True), GRID)["id"].tolist() == ["7"]
