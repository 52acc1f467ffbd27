"""CSVs whose names, numbers and lines are absurd."""

from pathlib import Path

import numpy as np
import pytest
from shapely import STRtree
from shapely.geometry import box

from sn7ml.core.errors import LabelError
from sn7ml.metrics import overlaps
from sn7ml.metrics.overlaps import Polygons, find_overlaps
from sn7ml.outputs.submission import read_submission, write_submission
from sn7ml.scenes import csv_rows
from tests.outputs.submissions import HEADER, JAN, SQUARE, complaint, complaint_of_row, read
from tests.raising import assert_names, raises
from tests.sn7_folder import AOI


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", f"../{JAN}", f"/tmp/{JAN}", "global_monthly_2018_01_mosaic_../../x"]
)
def test_a_filename_that_leads_elsewhere_is_none(name: str, tmp_path: Path) -> None:
    assert complaint_of_row(tmp_path, f"{name},1,{SQUARE}").startswith(f"line 3, column filename: '{name[:40]}")


@pytest.mark.parametrize("tail", ["/../../../etc", ".tif", "\0x"[1:], "/x"])
def test_what_follows_the_stem_is_not_used(tail: str, tmp_path: Path) -> None:
    found = read(tmp_path, f"{HEADER}{JAN}{tail},1,{SQUARE}\n")
    assert (found["aoi"].tolist(), found["time"].tolist()) == ([AOI], ["2018-01"])


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "1e300", "1e6"])
def test_coordinates_that_are_no_pixels_are_named(number: str, tmp_path: Path) -> None:
    said = complaint_of_row(tmp_path, f'{JAN},1,"POLYGON ((0 0, {number} 0, 2 2, 0 2, 0 0))"')
    assert said.startswith("line 3, column geometry: ")


@pytest.mark.parametrize(
    "wkt",
    [
        "POLYGON " + "(" * 100_000,
        "MULTI" * 50_000,
        "GEOMETRYCOLLECTION (" * 60_000,
        "POLYGON ((" + "0 0, " * 100_000,
        "CURVEPOLYGON (CIRCULARSTRING (0 0, 1 1, 2 0, 1 -1, 0 0))",
        "=cmd|' /C calc'!A0",
    ],
    ids=["brackets", "words", "collections", "half a ring", "curves", "a formula"],
)
def test_text_that_is_no_polygon_is_named_in_a_short_line(wkt: str, tmp_path: Path) -> None:
    said = complaint_of_row(tmp_path, f'{JAN},1,"{wkt}"')
    assert_names(said, "line 3, column geometry", "WKT")
    assert len(said) < 500


def test_a_file_of_broken_lines_only_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MOST_BROKEN", 100)
    (told,) = complaint(tmp_path, HEADER + "x\n" * 1_000_000)
    assert_names(told, "a.csv", 100, "line 2", 1, "'x'", 3)


def test_ids_with_all_sorts_of_letters_come_back_as_they_were(tmp_path: Path) -> None:
    odd = "../../x\x1b[31m<script>=1+1"
    table = read(tmp_path, f"{HEADER}{JAN},{odd},{SQUARE}\n")
    write_submission(tmp_path / "out" / "b.csv", table)
    assert read_submission(tmp_path / "out" / "b.csv")["id"].tolist() == [odd]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.csv", "b.csv", "out"]


def test_a_device_is_told_from_a_csv(tmp_path: Path) -> None:
    with raises(LabelError, "submission.cannot-read", "/dev/null", "device"):
        read_submission(Path("/dev/null"))


def test_heaps_of_polygons_are_refused_before_their_pairs_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def heap(count: int) -> Polygons:
        return Polygons(np.full(count, box(1, 1, 5, 5), dtype=object), np.zeros(count, dtype=np.intp))

    monkeypatch.setattr(overlaps, "MOST_PAIRS", 1_000)
    assert len(find_overlaps(heap(25), heap(40), above=0.25).iou) == 1_000
    with raises(LabelError, "scoring.too-many-pairs", 1_000, 26, 40):
        find_overlaps(heap(26), heap(40), above=0.25)


def test_polygons_are_compared_in_parts_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    places = np.random.default_rng(0).uniform(0, 60, (2, 30, 2))
    one, other = (
        Polygons(np.array([box(x, y, x + 9, y + 9) for x, y in side], dtype=object), np.zeros(30, dtype=np.intp))
        for side in places
    )
    whole = find_overlaps(one, other, above=0.1)
    assert len(whole.iou) > 10
    tree = STRtree(other.geometry).query(one.geometry).shape[1]
    monkeypatch.setattr(overlaps, "MOST_PAIRS", tree)  # parts of a few polygons
    parts = find_overlaps(one, other, above=0.1)
    for name in ("truth", "proposal", "iou"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
