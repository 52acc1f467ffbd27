"""Each repair of a label file made by hand; what only somebody can decide who knows the place is told and left."""

import json
from pathlib import Path

import geopandas
import pytest
import shapely
from shapely.geometry import Point, box

from sn7ml.scenes.labels import buildings_of, read_geojson
from sn7ml.scenes.repair.data import mended_copy
from tests.scenes.repair.label_rows import FILE, LEFT, MATCH, REPAIRS, SOUND, contents, named, rows, write
from tests.sn7_folder import AOI, HOUSES, feature, grid_of, write_features

pytestmark = pytest.mark.usefixtures("serial")


@pytest.mark.parametrize("case", REPAIRS)
def test_what_can_be_mended_is_mended_and_told(case: str, source: Path, tmp_path: Path) -> None:
    added, told, expected = REPAIRS[case]
    write(source, *SOUND, *added)
    before = contents(source)
    changes = mended_copy(source, tmp_path / "out")
    assert changes[["id", "what", "before", "after"]].to_records(index=False).tolist() == told
    assert set(changes["outcome"]) <= {"mended"}
    assert set(changes["file"]) <= {FILE}
    found = rows(tmp_path / "out")
    assert [building for building, _ in found] == [*HOUSES, *(building for building, _ in expected)]
    for (_, geometry), (_, wanted) in zip(found[len(HOUSES) :], expected, strict=True):
        assert geometry.equals(wanted)
        assert geometry.is_valid
        assert not geometry.has_z
    json.loads((tmp_path / "out" / FILE).read_text(), parse_constant=pytest.fail)
    assert contents(source) == before


@pytest.mark.parametrize("case", [case for case in REPAIRS if "twice" not in case])
def test_the_copy_trains_the_same_model(case: str, source: Path, tmp_path: Path) -> None:
    write(source, *SOUND, *REPAIRS[case][0])
    mended_copy(source, tmp_path / "out")
    before, after = (
        buildings_of(read_geojson(root / FILE, in_pixels=True), grid_of(AOI)) for root in (source, tmp_path / "out")
    )
    assert before["id"].tolist() == after["id"].tolist()
    assert shapely.equals(before["geometry"].to_numpy(object), after["geometry"].to_numpy(object)).all()


@pytest.mark.parametrize("case", LEFT)
def test_what_cannot_be_mended_is_told_and_left_as_it_is(case: str, source: Path, tmp_path: Path) -> None:
    added, name, what = LEFT[case]
    write(source, *SOUND, *added)
    changes = mended_copy(source, tmp_path / "out")
    ((outcome, file, told_id, told_what, before, advice),) = changes.to_records(index=False).tolist()
    assert (outcome, file, told_id, told_what) == ("left", FILE, name, what)
    assert before
    assert advice
    assert (tmp_path / "out" / FILE).read_bytes() == (source / FILE).read_bytes()


def test_a_row_is_left_as_it_is_beside_rows_that_are_mended(source: Path, tmp_path: Path) -> None:
    write(source, feature(1, None), feature(2, Point(3, 3)), feature(3, box(1, 1, 3, 3)))
    assert mended_copy(source, tmp_path / "out")["outcome"].tolist() == ["mended", "left"]
    assert [building for building, _ in rows(tmp_path / "out")] == [2, 3]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"features": 7}', b"\x00\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_none_is_told_and_copied_as_it_is(content: bytes, source: Path, tmp_path: Path) -> None:
    (source / FILE).write_bytes(content)
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["outcome"], change["what"], change["after"]) == ("left", "cannot be read", "fetch the file again")
    assert (tmp_path / "out" / FILE).read_bytes() == content


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_become_plain_utf_8(encoding: str, source: Path, tmp_path: Path) -> None:
    path = write(source, *SOUND)
    path.write_bytes(path.read_text().encode(encoding))
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["what"], change["after"]) == ("not plain UTF-8", "UTF-8")
    assert len(buildings_of(read_geojson(tmp_path / "out" / FILE, in_pixels=True), grid_of(AOI))) == len(HOUSES)


@pytest.mark.parametrize("crs", ["EPSG:4326", "urn:ogc:def:crs:EPSG::3857", "urn:ogc:def:crs:OGC:1.3:CRS84", None])
def test_pixels_lie_nowhere_on_earth(crs: str | None, source: Path, tmp_path: Path) -> None:
    path = source / FILE
    if crs is None:  # as SpaceNet 7's own files have it, which readers take for longitude and latitude
        write_features(path, SOUND)
        assert geopandas.read_file(path).crs.to_epsg() == 4326
    else:
        write(source, *SOUND, crs=named(crs))
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["id"], change["what"], change["after"]) == ("", "wrong declared CRS", "pixels")
    mended = geopandas.read_file(tmp_path / "out" / FILE)
    assert (mended.crs.name, mended.crs.to_epsg()) == ("pixels", None)
    assert shapely.equals(mended.geometry.to_numpy(), list(HOUSES.values())).all()


@pytest.mark.parametrize("crs", ["EPSG:4326", "urn:ogc:def:crs:EPSG::32612", "nonsense", None])
def test_labels_on_the_ground_state_the_crs_of_their_image(crs: str | None, source: Path, tmp_path: Path) -> None:
    placed = [feature(number, grid_of(AOI).to_crs(house)) for number, house in HOUSES.items()]
    write(source, *placed, file=MATCH, crs=named(crs) if crs else None)
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["what"], change["after"]) == ("wrong declared CRS", "EPSG:3857")
    assert geopandas.read_file(tmp_path / "out" / MATCH).crs.to_epsg() == 3857


@pytest.mark.parametrize(("out_px", "outcome"), [(20, "mended"), (99, "mended"), (101, "left")])
def test_labels_may_stick_out_of_their_image_by_a_hundred_pixels(
    out_px: int, outcome: str, source: Path, tmp_path: Path
) -> None:
    placed = feature(1, grid_of(AOI).to_crs(box(-out_px, 3, 5, 9)))
    write(source, placed, file=MATCH, crs=named("EPSG:4326"))
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert change["outcome"] == outcome


def test_labels_elsewhere_are_not_declared_to_be_here(source: Path, tmp_path: Path) -> None:
    write(source, feature(1, box(-114.1, 33.1, -114.0, 33.2)), file=MATCH, crs=named("EPSG:4326"))
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["outcome"], change["what"]) == ("left", "coordinates are not on the image")
    assert change["after"] == "warp the labels to EPSG:3857"


def test_a_key_that_stands_twice_in_a_row_is_not_decided_upon(source: Path, tmp_path: Path) -> None:
    path = next((source / "train" / AOI / "labels_match_pix").iterdir())
    path.write_text('{"features": [{"properties": {"Id": 1, "Id": 2}, "geometry": null}]}')
    changes = mended_copy(source, tmp_path / "out")
    assert [word.strip("[']") for word in changes["before"].iloc[0].split() if "Id" in word] == ["Id"]
    assert (tmp_path / "out" / path.relative_to(source)).read_text() == path.read_text()
