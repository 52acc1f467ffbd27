"""CosmiQ's rules, each on frames worked out by hand."""

import pandas as pd
import pytest
from shapely.geometry import box

from sn7ml.outputs.tracking.baseline import track_baseline
from tests.outputs.tracking.drawings import cube_of, frame, track_params

GROUND = "............\n............"
LONG = "aaaa........\naaaa........"  # 4 x 2
SHIFTED_BY_ONE = ".aaaa.......\n.aaaa......."  # IoU with LONG: 6 / 10
SHIFTED_BY_TWO = "..aaaa......\n..aaaa......"  # with LONG 4 / 12, with SHIFTED_BY_ONE 6 / 10


def track(*drawings: str, min_iou: float = 0.5) -> pd.DataFrame:
    return track_baseline(cube_of([frame(drawing) for drawing in drawings]), 1, track_params("baseline", min_iou))


def ids_by_month(tracks: pd.DataFrame) -> dict[str, list[str]]:
    return {str(month): list(rows["id"]) for month, rows in tracks.groupby("time")}


def test_the_first_frame_is_numbered_from_zero_largest_first() -> None:
    tracks = track("a..bbb..cc..\na..bbb..cc..")
    assert tracks["id"].tolist() == ["0", "1", "2"]
    assert [geometry.area for geometry in tracks["geometry"]] == [6, 4, 2]


@pytest.mark.parametrize(("min_iou", "second"), [(0.59, "0"), (0.6, "0"), (0.61, "1")])
def test_an_id_is_handed_on_at_the_smallest_iou_and_not_below(min_iou: float, second: str) -> None:
    assert ids_by_month(track(LONG, SHIFTED_BY_ONE, min_iou=min_iou)) == {"2018-01": ["0"], "2018-02": [second]}


def test_the_master_geometry_is_the_first_seen_for_ever() -> None:
    # Month 3 fits month 2 (0.6), but is held against month 1 (0.33): a new id.
    assert track(LONG, SHIFTED_BY_ONE, SHIFTED_BY_TWO)["id"].tolist() == ["0", "0", "1"]


def test_a_house_that_flickers_comes_back_under_its_id() -> None:
    tracks = track(LONG, GROUND, LONG)
    assert ids_by_month(tracks) == {"2018-01": ["0"], "2018-03": ["0"]}
    assert set(tracks["birth_month"]) == {"2018-01"}


def test_the_larger_footprint_chooses_first_and_a_master_is_given_once() -> None:
    # Both parts lie in the master (8 px): IoU 5/8 takes it, 2/8 would do for 0.2 but finds it taken.
    first, second = "aaaaaaaa....", "aaaaa.bb...."
    tracks = track(first, second, min_iou=0.2)
    assert ids_by_month(tracks) == {"2018-01": ["0"], "2018-02": ["0", "1"]}
    assert tracks["geometry"].iloc[1].equals(box(0, 0, 5, 1))


def test_the_best_free_master_wins() -> None:
    # Masters of 3 px (oldest, id 0) and 2 px; the footprint covers 1 px of one and all of the other.
    tracks = track("aaa.bb", "..aaaa", min_iou=0.1)
    assert ids_by_month(tracks) == {"2018-01": ["0", "1"], "2018-02": ["1"]}


def test_a_new_id_is_one_above_the_highest_so_far() -> None:
    tracks = track("aaa..bb.....", "........ccc.", "aaa..bb.ccc.", min_iou=0.2)
    assert ids_by_month(tracks) == {"2018-01": ["0", "1"], "2018-02": ["2"], "2018-03": ["0", "2", "1"]}
    assert dict(zip(tracks["id"], tracks["birth_month"], strict=True)) == {
        "0": "2018-01",
        "1": "2018-01",
        "2": "2018-02",
    }


def test_empty_frames_survive_wherever_they_are() -> None:
    assert ids_by_month(track(GROUND, LONG, GROUND)) == {"2018-02": ["0"]}
    assert track(LONG, GROUND)["birth_month"].tolist() == ["2018-01"]


@pytest.mark.parametrize("drawings", [[], [GROUND], [GROUND] * 3])
def test_nothing_found_is_an_empty_table_with_every_column(drawings: list[str]) -> None:
    tracks = track(*drawings)
    assert tracks.empty
    pd.testing.assert_series_equal(tracks.dtypes, track(LONG).dtypes)


def test_footprints_far_apart_never_match_whatever_the_smallest_iou() -> None:
    assert track("aa......", "......aa", min_iou=0.0)["id"].tolist() == ["0", "1"]


def test_confidence_is_the_mean_probability_in_that_month() -> None:
    cube = cube_of([frame(LONG, sure=204), frame(LONG, sure=255)])
    assert track_baseline(cube, 1, track_params("baseline"))["confidence"].tolist() == pytest.approx([0.8, 1.0])
