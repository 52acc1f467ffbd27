"""Each repair on a file made by hand; the input stays, the copy trains the same model, and a second time changes nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from shapely.geometry import LineString, Point, Polygon, box

from sn7ml.data import mend
from sn7ml.data.catalog import scan
from sn7ml.data.labels import read_labels, read_truth
from sn7ml.data.mend import CHANGES, mended_copy
from sn7ml.errors import CatalogError, ItemsFailed
from tests.sn7_folder import AOI, FAR_AOI, HOUSES, MONTHS, feature, grid_of, stem, write_aoi, write_features

pytestmark = pytest.mark.usefixtures("serial")

BOW_TIE = Polygon([(0, 0), (8, 8), (8, 0), (0, 8)])
"""Two triangles of 16 px² that meet in the middle; its own signed area is 0."""

SOUND = [feature(number, house) for number, house in HOUSES.items()]

FILE = f"train/{AOI}/labels_match_pix/{stem(AOI, MONTHS[0])}_Buildings.geojson"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """One area; its pixel labels say that they are in pixels, so nothing is wrong with it."""
    root = tmp_path / "source"
    write_aoi(root)
    for path in root.glob("train/*/labels_match*/*"):
        content = json.loads(path.read_text())
        crs = (
            named('LOCAL_CS["pixels"]')
            if path.parent.name == "labels_match_pix"
            else named("urn:ogc:def:crs:EPSG::3857")
        )
        path.write_text(json.dumps({"crs": crs} | content))
    return root


def named(name: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": name}}


def write(root: Path, *features: Any, file: str = FILE, **members: Any) -> Path:
    path = root / file
    members = {"crs": named('LOCAL_CS["pixels"]')} | members
    path.write_text(json.dumps({"type": "FeatureCollection", **members, "features": list(features)}))
    return path


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def rows(root: Path, file: str = FILE) -> list[tuple[Any, Any]]:
    """Id and geometry of every row, as they stand in the file."""
    features = json.loads((root / file).read_text())["features"]
    return [
        (it["properties"]["Id"], it["geometry"] and shapely.from_geojson(json.dumps(it["geometry"]))) for it in features
    ]


def test_a_sound_set_is_copied_byte_by_byte_and_nothing_is_listed(source: Path, tmp_path: Path) -> None:
    (source / "csvs").mkdir()
    (source / "csvs" / "truth.csv").write_text("of these labels")
    changes = mended_copy(source, tmp_path / "out")
    assert changes.empty
    copied = contents(tmp_path / "out")
    assert copied.pop(CHANGES).decode().strip() == "outcome,file,id,what,before,after"
    original = contents(source)
    del original["csvs/truth.csv"]  # may tell of labels that are no more
    assert copied == original


# What is added to three sound houses, what is told of it, and which rows stand there then.
REPAIRS: dict[str, tuple[list[Any], list[tuple[str, str, str, str]], list[tuple[Any, Any]]]] = {
    "a crossing outline keeps its ground": (
        [feature(1, BOW_TIE)],
        [
            (
                "1",
                "crossing outline",
                "Self-intersection[4 4]; Polygon, area 0.00",
                "MultiPolygon of 2 parts, area 32.00",
            )
        ],
        [(1, shapely.union_all([Polygon([(0, 0), (4, 4), (0, 8)]), Polygon([(8, 0), (4, 4), (8, 8)])]))],
    ),
    "a row that stands there twice goes once": (
        [feature(1, box(40, 40, 44, 44)), feature(1, box(40, 40, 44, 44).reverse())],
        [("1", "duplicate row", "the same Id and outline as before", "row dropped")],
        [(1, box(40, 40, 44, 44))],
    ),
    "a null geometry goes": ([feature(1, None)], [("1", "no shape", "null", "row dropped")], []),
    "an EMPTY geometry goes": ([feature(1, Polygon())], [("1", "no shape", "EMPTY", "row dropped")], []),
    "a polygon folded to a line goes": (
        [feature(1, Polygon([(1, 1), (5, 5), (3, 3), (1, 1)]))],
        [("1", "no area", "Polygon, area 0.00", "row dropped")],
        [],
    ),
    "height is dropped": (
        [feature(1, Polygon([(40, 40, 7), (44, 40, 7), (44, 44, 7), (40, 44, 7)]))],
        [("1", "height (Z)", "Polygon, area 16.00", "Polygon, area 16.00")],
        [(1, box(40, 40, 44, 44))],
    ),
    "a collection becomes its polygon": (
        [feature(1, shapely.GeometryCollection([box(40, 40, 44, 44), LineString([(0, 0), (1, 1)])]))],
        [("1", "a collection", "GeometryCollection of 2 parts, area 16.00", "Polygon, area 16.00")],
        [(1, box(40, 40, 44, 44))],
    ),
    "a property that is no number becomes null": (
        [feature(1, box(40, 40, 44, 44)) | {"properties": {"Id": 1, "iou_score": float("nan")}}],
        [("1", "property iou_score", "nan", "null")],
        [(1, box(40, 40, 44, 44))],
    ),
    "a row that marks a frame without buildings stays": ([feature(-1, Polygon())], [], [(-1, Polygon())]),
    "a hole, and a building in two parts, stay": (
        [feature(1, box(40, 40, 49, 49) - box(43, 43, 45, 45)), feature(2, box(0, 50, 3, 53) | box(5, 50, 8, 53))],
        [],
        [(1, box(40, 40, 49, 49) - box(43, 43, 45, 45)), (2, box(0, 50, 3, 53) | box(5, 50, 8, 53))],
    ),
}


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
    before, after = (read_labels(root / FILE, grid_of(AOI), "match_pix") for root in (source, tmp_path / "out"))
    assert before["id"].tolist() == after["id"].tolist()
    assert shapely.equals(before["geometry"].to_numpy(object), after["geometry"].to_numpy(object)).all()


# What only somebody who knows the place can decide: told, with what to do, and not touched.
LEFT: dict[str, tuple[list[Any], str, str]] = {
    "one id of two outlines": (
        [feature(1, box(40, 40, 44, 44)), feature(1, box(50, 50, 54, 54))], "1", "one Id, two outlines"
    ),
    "a point": ([feature(1, Point(3, 3))], "1", "not a polygon"),
    "a line": ([feature(1, LineString([(3, 3), (5, 5)]))], "1", "not a polygon"),
    "a building under a negative id": ([feature(-2, box(40, 40, 44, 44))], "-2", "negative Id with a shape"),
    "no id": ([{"type": "Feature", "properties": {}, "geometry": None}], "row 3", "no integer Id, or a broken geometry"),
    "half an id": ([feature(1.5, box(40, 40, 44, 44))], "row 3", "no integer Id, or a broken geometry"),
    "no feature": ([7], "row 3", "no integer Id, or a broken geometry"),
    "a coordinate that is no number": (
        [feature(1, box(0, 0, 1, 1)) | {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [float("nan"), 1], [1, 0]]]}}],
        "row 3", "no integer Id, or a broken geometry",
    ),
    "a coordinate without end": (
        [feature(1, box(0, 0, 1, 1)) | {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [float("inf"), 1], [1, 0]]]}}],
        "row 3", "no integer Id, or a broken geometry",
    ),
}  # fmt: skip


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
    assert len(read_labels(tmp_path / "out" / FILE, grid_of(AOI), "match_pix")) == len(HOUSES)


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


MATCH = FILE.replace("labels_match_pix", "labels_match")


@pytest.mark.parametrize("crs", ["EPSG:4326", "urn:ogc:def:crs:EPSG::32612", "nonsense", None])
def test_labels_on_the_ground_state_the_crs_of_their_image(crs: str | None, source: Path, tmp_path: Path) -> None:
    placed = [feature(number, grid_of(AOI).to_crs(house)) for number, house in HOUSES.items()]
    write(source, *placed, file=MATCH, crs=named(crs) if crs else None)
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["what"], change["after"]) == ("wrong declared CRS", "EPSG:3857")
    assert geopandas.read_file(tmp_path / "out" / MATCH).crs.to_epsg() == 3857


def test_labels_elsewhere_are_not_declared_to_be_here(source: Path, tmp_path: Path) -> None:
    write(source, feature(1, box(-114.1, 33.1, -114.0, 33.2)), file=MATCH, crs=named("EPSG:4326"))
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["outcome"], change["what"]) == ("left", "coordinates are not on the image")
    assert change["after"] == "warp the labels to EPSG:3857"


IMAGE = f"train/{AOI}/images_masked/{stem(AOI, MONTHS[0])}.tif"


def without_crs(path: Path, transform: Affine) -> None:
    with rasterio.open(path) as source:
        pixels = source.read()
    count, rows, cols = pixels.shape
    options = {"count": count, "height": rows, "width": cols, "dtype": "uint8", "transform": transform}
    path.unlink()
    with rasterio.open(path, "w", driver="GTiff", compress="lzw", **options) as target:
        target.write(pixels)


def test_an_image_on_its_tile_that_states_no_crs_is_told_it(source: Path, tmp_path: Path) -> None:
    without_crs(source / IMAGE, grid_of(AOI).transform)
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["outcome"], change["file"], change["what"]) == ("mended", IMAGE, "no CRS")
    with rasterio.open(tmp_path / "out" / IMAGE) as mended, rasterio.open(source / IMAGE) as before:
        assert before.crs is None
        assert mended.crs.to_epsg() == 3857
        assert mended.transform == before.transform
        np.testing.assert_array_equal(mended.read(), before.read())


def test_labels_of_an_image_that_is_mended_are_mended_the_same_time(source: Path, tmp_path: Path) -> None:
    without_crs(source / IMAGE, grid_of(AOI).transform)
    placed = [feature(number, grid_of(AOI).to_crs(house)) for number, house in HOUSES.items()]
    write(source, *placed, file=MATCH, crs=named("EPSG:4326"))
    assert sorted(mended_copy(source, tmp_path / "out")["what"]) == ["no CRS", "wrong declared CRS"]
    assert mended_copy(tmp_path / "out", tmp_path / "again").empty


@pytest.mark.parametrize("move", [Affine.translation(3, 0), Affine.scale(2), Affine.rotation(1)])
def test_an_image_elsewhere_is_not_declared_to_be_here(move: Affine, source: Path, tmp_path: Path) -> None:
    without_crs(source / IMAGE, grid_of(AOI).transform @ move)
    (change,) = mended_copy(source, tmp_path / "out").to_dict("records")
    assert (change["outcome"], change["what"]) == ("left", "no CRS")
    assert (tmp_path / "out" / IMAGE).samefile(source / IMAGE)


@pytest.fixture
def damaged(source: Path) -> Path:
    """All of it at once."""
    everything = [it for added, *_ in [*REPAIRS.values(), *LEFT.values()] for it in added]
    numbered = [
        it | {"properties": it["properties"] | {"Id": 100 + number}}
        if isinstance(it, dict) and isinstance(it["properties"].get("Id"), int) and it["properties"]["Id"] >= 0
        else it
        for number, it in enumerate(everything)
    ]
    write(source, *SOUND, *numbered, SOUND[0], crs=named("EPSG:4326"))
    return source


def test_mending_the_mended_changes_nothing(damaged: Path, tmp_path: Path) -> None:
    first = mended_copy(damaged, tmp_path / "once")
    second = mended_copy(tmp_path / "once", tmp_path / "twice")
    assert (first["outcome"] == "mended").sum() > 5
    assert set(second["outcome"]) == {"left"}
    assert sorted(second["what"]) == sorted(first[first["outcome"] == "left"]["what"])
    once, twice = contents(tmp_path / "once"), contents(tmp_path / "twice")
    del once[CHANGES], twice[CHANGES]
    assert once == twice


def test_the_list_on_disk_is_the_one_returned(damaged: Path, tmp_path: Path) -> None:
    changes = mended_copy(damaged, tmp_path / "out")
    listed = pd.read_csv(tmp_path / "out" / CHANGES, dtype="str", keep_default_na=False)
    pd.testing.assert_frame_equal(listed, changes, check_dtype=False)


def test_files_that_stay_are_links_and_mended_ones_are_not(damaged: Path, tmp_path: Path) -> None:
    mended_copy(damaged, tmp_path / "out")
    image = next((damaged / "train" / AOI / "images_masked").iterdir()).relative_to(damaged)
    assert (tmp_path / "out" / image).samefile(damaged / image)
    assert not (tmp_path / "out" / FILE).samefile(damaged / FILE)


def test_without_links_files_are_copied(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("another disk")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    mended_copy(source, tmp_path / "out")
    copied = contents(tmp_path / "out")
    del copied[CHANGES]
    assert copied == contents(source)
    assert not (tmp_path / "out" / FILE).samefile(source / FILE)


LAYOUTS: list[tuple[str, Callable[[Path], Path], str]] = [
    ("the root", lambda root: root, f"train/{AOI}"),
    ("a folder of areas", lambda root: root / "train", AOI),
    ("one area", lambda root: root / "train" / AOI, AOI),
]


@pytest.mark.parametrize(("pick", "place"), [case[1:] for case in LAYOUTS], ids=[case[0] for case in LAYOUTS])
def test_every_layout_can_be_mended(pick: Callable[[Path], Path], place: str, damaged: Path, tmp_path: Path) -> None:
    changes = mended_copy(pick(damaged), tmp_path / "out")
    assert changes["file"].str.startswith(place).all()
    assert len(scan(tmp_path / "out")) == len(MONTHS)
    assert (tmp_path / "out" / place / "images_masked").is_dir()


def test_areas_of_all_parts_come_along(source: Path, tmp_path: Path) -> None:
    write_aoi(source, FAR_AOI, part="test_public", labels=())
    mended_copy(source, tmp_path / "out")
    pd.testing.assert_frame_equal(scan(tmp_path / "out"), scan(source))
    assert read_truth(tmp_path / "out", scan(tmp_path / "out")).equals(read_truth(source, scan(source)))


def test_links_become_files_and_what_leads_nowhere_or_back_is_left_out(source: Path, tmp_path: Path) -> None:
    area = source / "train" / AOI
    images = (area / "images_masked").rename(tmp_path / "elsewhere")
    (area / "images_masked").symlink_to(images)
    (area / "round").symlink_to(area)
    (area / "labels_match" / "gone.geojson").symlink_to(tmp_path / "none")
    changes = mended_copy(source, tmp_path / "out")
    copied = tmp_path / "out" / "train" / AOI
    assert sorted(path.name for path in copied.iterdir()) == ["images_masked", "labels_match", "labels_match_pix"]
    assert not any(path.is_symlink() for path in copied.rglob("*"))
    assert len(list((copied / "images_masked").iterdir())) == len(MONTHS)
    (change,) = changes.to_dict("records")
    assert (change["outcome"], change["what"]) == ("left", "no file")
    assert change["file"] == f"train/{AOI}/labels_match/gone.geojson"


def test_a_link_to_elsewhere_within_a_folder_of_an_area_is_told_and_not_copied(source: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "deep" / "secret").touch()
    (source / "train" / AOI / "labels_match" / "more").symlink_to(tmp_path / "elsewhere")
    changes = mended_copy(source, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("secret"))
    (change,) = changes.to_dict("records")
    assert (change["outcome"], change["file"]) == ("left", f"train/{AOI}/labels_match/more")


def test_a_key_that_stands_twice_in_a_row_is_not_decided_upon(source: Path, tmp_path: Path) -> None:
    path = next((source / "train" / AOI / "labels_match_pix").iterdir())
    path.write_text('{"features": [{"properties": {"Id": 1, "Id": 2}, "geometry": null}]}')
    changes = mended_copy(source, tmp_path / "out")
    assert [word.strip("[']") for word in changes["before"].iloc[0].split() if "Id" in word] == ["Id"]
    assert (tmp_path / "out" / path.relative_to(source)).read_text() == path.read_text()


def test_folders_that_forbid_writing_can_be_mended(damaged: Path, tmp_path: Path) -> None:
    folders = [path for path in damaged.rglob("*") if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        mended_copy(damaged, tmp_path / "out")
        (tmp_path / "out" / "train" / AOI / "new").touch()
        assert (tmp_path / "out" / "train" / AOI).stat().st_mode & 0o200
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize("where", ["source/out", "source/train/out", "full", "file", FAR_AOI])
def test_a_bad_place_is_refused_before_anything_is_written(where: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "file").touch()
    before = contents(tmp_path)
    with pytest.raises(CatalogError, match=r"not an empty folder|lies inside|like an AOI"):
        mended_copy(source, tmp_path / where)
    assert contents(tmp_path) == before


def test_a_write_that_fails_leaves_nothing_behind(
    damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = contents(tmp_path)
    monkeypatch.setattr("sn7ml.data.label_mending.write_text", full)
    with pytest.raises((ItemsFailed, OSError), match="No space left"):
        mended_copy(damaged, tmp_path / "out")
    assert contents(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_until_all_is_done_nothing_is_at_the_place(
    damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    mend_one = mend._mend

    def watched(path: Path) -> Any:
        seen.append((tmp_path / "out").exists())
        return mend_one(path)

    monkeypatch.setattr(mend, "_mend", watched)
    mended_copy(damaged, tmp_path / "out")
    assert seen
    assert not any(seen)
