"""Temporal collapse on cubes drawn by hand: what lives, from when on, and where it can be seen."""

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from sn7ml.outputs.tracking.collapse import decide_births, track_collapse
from sn7ml.params import CollapseParams
from tests.outputs.tracking.drawings import CountingCube, cube_of, frame, track_params

GROUND = """
    ..........
    ..........
    ..........
"""
HOUSE = """
    ..........
    .aaa......
    .aaa......
"""
CLOUD_OVER_IT = """
    ???.......
    ???.......
    ???.......
"""
TWO_HOUSES = """
    ..........
    .aaa..bbb.
    .aaa..bbb.
"""
A, B = box(1, 1, 4, 3), box(6, 1, 9, 3)


def track(*drawings: str, upsampling: int = 1, sure: int = 255) -> pd.DataFrame:
    frames = [frame(drawing, upsampling, sure) for drawing in drawings]
    return track_collapse(cube_of(frames), upsampling, track_params())


def months_of(tracks: pd.DataFrame) -> list[int]:
    """Return the months of the only building, from 1 on."""
    assert tracks["id"].nunique() == 1
    return [int(month[-2:]) for month in tracks["time"]]


@pytest.mark.parametrize("birth", range(2, 8))
def test_a_house_that_appears_is_born_then_and_stays(birth: int) -> None:
    tracks = track(*[GROUND] * (birth - 1), *[HOUSE] * (9 - birth))
    assert set(tracks["birth_month"]) == {f"2018-0{birth}"}
    assert months_of(tracks) == list(range(birth, 9))


def test_a_house_seen_in_the_last_month_alone_is_not_believed() -> None:
    assert track(*[GROUND] * 7, HOUSE).empty


def test_a_house_that_always_stood_there_has_the_first_month_as_birth() -> None:
    tracks = track(*[HOUSE] * 4)
    assert set(tracks["birth_month"]) == {"2018-01"}
    assert months_of(tracks) == [1, 2, 3, 4]


def test_births_are_told_apart_by_building() -> None:
    tracks = track(*[HOUSE] * 3, *[TWO_HOUSES] * 5)
    born = {
        geometry.normalize().wkt: month
        for geometry, month in zip(tracks["geometry"], tracks["birth_month"], strict=True)
    }
    assert born == {A.normalize().wkt: "2018-01", B.normalize().wkt: "2018-04"}
    assert len(tracks) == 8 + 5


@pytest.mark.parametrize("dark", range(2, 11))
def test_a_house_that_flickers_once_is_one_track_from_start_to_end(dark: int) -> None:
    tracks = track(*[GROUND if month == dark else HOUSE for month in range(1, 13)], sure=204)
    assert set(tracks["birth_month"]) == {"2018-01"}
    assert months_of(tracks) == list(range(1, 13))


def test_ground_that_flashes_once_is_no_house() -> None:
    assert track(*[HOUSE if month == 4 else GROUND for month in range(1, 13)]).empty


def test_a_house_born_under_cloud_is_born_when_first_seen() -> None:
    tracks = track(*[GROUND] * 3, CLOUD_OVER_IT, CLOUD_OVER_IT, *[HOUSE] * 3)
    assert set(tracks["birth_month"]) == {"2018-06"}
    assert months_of(tracks) == [6, 7, 8]


def test_a_house_is_not_emitted_while_a_part_of_it_is_under_cloud_and_keeps_its_id() -> None:
    partly = "..........\n.aa?......\n.aaa......"
    assert months_of(track(HOUSE, HOUSE, partly, CLOUD_OVER_IT, HOUSE)) == [1, 2, 5]


def test_a_house_under_cloud_in_the_first_months_was_there_from_the_start() -> None:
    tracks = track(CLOUD_OVER_IT, CLOUD_OVER_IT, *[HOUSE] * 4)
    assert set(tracks["birth_month"]) == {"2018-01"}
    assert months_of(tracks) == [3, 4, 5, 6]


def test_a_house_torn_down_late_stays_to_the_end() -> None:
    assert months_of(track(*[HOUSE] * 8, *[GROUND] * 4)) == list(range(1, 13))


def test_a_house_torn_down_early_is_none() -> None:
    assert track(*[HOUSE] * 2, *[GROUND] * 10).empty


def test_one_month_gives_its_buildings() -> None:
    tracks = track(TWO_HOUSES)
    assert [geometry.normalize() for geometry in tracks["geometry"]] == [A.normalize(), B.normalize()]
    assert list(tracks["birth_month"]) == ["2018-01"] * 2


def test_a_month_with_no_detections_ends_no_track() -> None:
    tracks = track(*[TWO_HOUSES] * 5, GROUND, *[TWO_HOUSES] * 5)
    assert tracks.groupby("id").size().tolist() == [11, 11]


@pytest.mark.parametrize("drawings", [[], [GROUND], [GROUND] * 5], ids=["no month", "one month", "five months"])
def test_nothing_found_is_an_empty_table_with_every_column(drawings: list[str]) -> None:
    tracks = track(*drawings)
    assert tracks.empty
    pd.testing.assert_series_equal(tracks.dtypes, track(HOUSE).dtypes)


def test_at_three_times_a_house_lies_where_it_was_drawn() -> None:
    tracks = track(*[TWO_HOUSES] * 3, upsampling=3)
    assert [geometry.normalize() for geometry in tracks["geometry"]] == [A.normalize(), B.normalize()] * 3


def test_rows_come_by_month_then_id_and_every_pair_once() -> None:
    tracks = track(*[TWO_HOUSES] * 3)
    keys = list(zip(tracks["time"], tracks["id"], strict=True))
    assert keys == sorted(set(keys))


def test_more_than_a_byte_of_houses_keep_their_ids() -> None:
    row = "".join("aaa." for _ in range(20))
    town = "\n".join([row, row, "." * 80] * 20)
    tracks = track(*[town] * 3)
    assert tracks["id"].nunique() == 400
    assert tracks.groupby("id").size().eq(3).all()
    assert all(geometry.area == 6 for geometry in tracks["geometry"])


def test_confidence_is_the_mean_probability_since_birth() -> None:
    frames = [frame(GROUND), *[frame(HOUSE, sure=sure) for sure in (153, 204, 255)], frame(CLOUD_OVER_IT)]
    tracks = track_collapse(cube_of(frames), 1, track_params())
    assert set(tracks["birth_month"]) == {"2018-02"}
    assert tracks["confidence"].tolist() == pytest.approx([0.8] * 3)


@pytest.mark.parametrize(
    ("series", "birth"),
    [
        ([0.1, 0.1, 0.36, 0.36], 2),  # a rise of 0.26
        ([0.1, 0.1, 0.34, 0.34], -1),  # a rise of 0.24, mean 0.22
        ([0.3, 0.3, 0.5, 0.5], 0),  # a rise of 0.2, mean 0.4
        ([0.31, 0.31, 0.9, 0.9], 0),  # a rise of 0.59, but it was likely before
        ([0.29, 0.29, 0.9, 0.9], 2),
        ([0.9, 0.9, 0.1, 0.1], 0),  # falls only
        ([np.nan, np.nan, 0.1, 0.9], 3),
        ([0.1, np.nan, np.nan, 0.9], 3),
        ([np.nan, np.nan, np.nan, np.nan], -1),
        ([np.nan, np.nan, np.nan, 0.9], 0),
    ],
)
def test_births_worked_out_by_hand(series: list[float], birth: int) -> None:
    params = CollapseParams(mean_floor=0.1, birth_jump=0.25, min_mean=0.3)
    assert decide_births(np.array(series)[:, np.newaxis], params).tolist() == [birth]


def test_no_month_is_held_longer_than_needed() -> None:
    cube = CountingCube(cube_of([frame(HOUSE)] * 6))
    track_collapse(cube, 1, track_params())
    assert cube.reads == 12
