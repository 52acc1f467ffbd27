"""Footprint counts."""

import pandas as pd
import pytest
import shapely

from sn7ml.core.ratios import precision_recall_f1
from sn7ml.metrics.footprints import SIZES, match_footprints
from tests.metrics.towns import AOI, counted, drawn, table, town

OTHER = "L15-0358E-1220N_1433_3310_13"


def rows(frame: pd.DataFrame) -> list[list[object]]:
    return [list(row) for row in frame.itertuples(index=False)]


def test_found_false_and_missed_are_counted_by_frame() -> None:
    truth = drawn({"2018-01": "AA.BB", "2018-02": "AA.BB.CC"})
    proposals = drawn({"2018-01": "XX....YY", "2018-02": "QQ.RR.SS"})
    assert rows(counted(truth, proposals, 0.25)) == [[AOI, "2018-01", 1, 1, 1], [AOI, "2018-02", 3, 0, 0]]


def test_every_frame_of_either_table_has_a_row() -> None:
    truth, proposals = drawn({"2018-02": "AA"}), drawn({"2018-01": "AA"})
    elsewhere = drawn({"2018-05": "AA.BB"}, aoi=OTHER)
    assert rows(counted(truth, pd.concat([proposals, elsewhere]), 0.25)) == [
        [AOI, "2018-01", 0, 1, 0],
        [AOI, "2018-02", 0, 0, 1],
        [OTHER, "2018-05", 0, 2, 0],
    ]


def test_the_threshold_decides_and_is_itself_no_match() -> None:
    truth = table([(AOI, "2018-01", "a", shapely.box(0, 0, 4, 4))])
    half = table([(AOI, "2018-01", "a", shapely.box(0, 0, 4, 2))])
    assert rows(counted(truth, half, 0.5)) == [[AOI, "2018-01", 0, 1, 1]]
    assert rows(counted(truth, half, 0.49)) == [[AOI, "2018-01", 1, 0, 0]]


def test_small_truth_counts_and_rows_of_one_id_count_each() -> None:
    specks = table([(AOI, "2018-01", "a", shapely.box(x, 0, x + 1, 1)) for x in (0, 5)])
    assert rows(counted(specks, specks, 0.25)) == [[AOI, "2018-01", 2, 0, 0]]


def test_missing_and_empty_geometries_are_no_footprints_and_lines_match_nothing() -> None:
    strange = table([(AOI, "2018-01", "a", None), (AOI, "2018-01", "b", shapely.from_wkt("POLYGON EMPTY"))])
    line = table([(AOI, "2018-01", "c", shapely.from_wkt("LINESTRING (0 0, 4 4)"))])
    assert rows(counted(strange, strange, 0.25)) == []
    assert rows(counted(line, line, 0.25)) == [[AOI, "2018-01", 0, 1, 1]]


def test_empty_tables_give_an_empty_table_with_its_columns() -> None:
    found = counted(table([]), table([]), 0.25)
    assert list(found.columns) == ["aoi", "time", "tp", "fp", "fn"]
    assert len(found) == 0
    assert counted(table([]), drawn({"2018-01": "A"}), 0.25)["fp"].tolist() == [1]


def test_offsets_tell_how_truth_lies_beside_what_was_found() -> None:
    truth = [
        (AOI, "2018-01", name, shapely.box(x, 0, x + 4, 4)) for name, x in (("a", 0), ("b", 10), ("c", 20), ("d", 90))
    ]
    moves = {"c": (1.0, 0.0), "a": (0.5, -1.0), "b": (0.25, 0.5), "far": (0.0, 50.0)}
    found = [
        (AOI, "2018-01", name, shapely.box(x + dx, dy, x + dx + 4, dy + 4))
        for (name, (dx, dy)), x in zip(moves.items(), (20, 0, 10, 30), strict=True)
    ]
    matches = match_footprints(table(truth), table(found), 0.25)
    assert rows(matches.median_offsets()) == [[AOI, 3, -0.5, -0.0]]
    assert sorted(map(tuple, matches.offsets[["x_px", "y_px"]].to_numpy().tolist())) == [
        (-1.0, 0.0), (-0.5, 1.0), (-0.25, -0.5)
    ]  # fmt: skip
    assert len(match_footprints(table(truth), table([]), 0.25).median_offsets()) == 0


def test_the_order_of_rows_does_not_matter() -> None:
    truth, proposals = town(3)
    shuffled = counted(truth.sample(frac=1, random_state=1), proposals.sample(frac=1, random_state=2), 0.25)
    pd.testing.assert_frame_equal(shuffled, counted(truth, proposals, 0.25))


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        precision_recall_f1(1, -1, 0)


def test_footprints_are_counted_by_their_own_size() -> None:
    areas = [3.9, 4.0, 7.9, 8.0, 16.0, 31.9, 32.0, 100.0]
    boxes = [shapely.box(0, 20 * place, 4, 20 * place + area / 4) for place, area in enumerate(areas)]
    truth = table([(AOI, "2018-01", str(place), box) for place, box in enumerate(boxes)])
    # Found: the first at twice its height, hence of 7.8 px² (IoU 1/2); the last two; and a speck where nothing is.
    tall = shapely.box(0, 0, 4, 2 * 3.9 / 4)
    found = [tall, boxes[6], boxes[7], shapely.box(50, 0, 51, 1)]
    proposals = table([(AOI, "2018-01", f"p{place}", box) for place, box in enumerate(found)])
    sizes = match_footprints(truth, proposals, 0.25).by_size()
    assert list(sizes.columns) == ["aoi", "size", "truth", "truth_matched", "proposals", "proposals_matched"]
    assert rows(sizes) == [
        [AOI, "< 4", 1, 1, 1, 0],
        [AOI, "4–8", 2, 0, 1, 1],
        [AOI, "8–16", 1, 0, 0, 0],
        [AOI, "16–32", 2, 0, 0, 0],
        [AOI, "≥ 32", 2, 2, 2, 2],
    ]


def test_every_area_has_every_size() -> None:
    speck = shapely.box(0, 0, 1, 1)
    truth, proposals = drawn({"2018-01": "AAAA"}), table([(OTHER, "2018-01", "x", speck)])
    sizes = match_footprints(truth, proposals, 0.25).by_size()
    assert sizes["aoi"].tolist() == [AOI] * 5 + [OTHER] * 5
    assert sizes["size"].tolist() == [*SIZES, *SIZES]
    assert sizes[sizes["truth"] > 0].values.tolist() == [[AOI, "≥ 32", 1, 0, 0, 0]]
    assert sizes[sizes["proposals"] > 0].values.tolist() == [[OTHER, "< 4", 0, 0, 1, 0]]


def test_no_footprints_give_no_sizes() -> None:
    assert len(match_footprints(table([]), table([]), 0.25).by_size()) == 0
