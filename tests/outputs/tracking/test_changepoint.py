"""The tracker changepoint on cubes drawn by hand: what lives, from when on, and where it can be seen."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.tracking.changepoint import track_changepoint
from tests.outputs.tracking.drawings import cube_of, frame, peak_params, shaded
from tests.outputs.tracking.lives import (
    CLOUD_OVER_IT,
    GROUND,
    HOUSE,
    TWO_HOUSES,
    A,
    B,
    born,
    month,
    months_of,
    params,
    track,
    with_peaks,
)

PARTLY_HIDDEN = """
    ..........
    .aa?......
    .aaa......
"""


TOUCHING = """
    ..........
    .aaaabbbb.
    .aaaabbbb.
    .aaaabbbb.
    .aaaabbbb.
    ..........
"""


LEFT, RIGHT = box(1, 1, 5, 5), box(5, 1, 9, 5)


A_ROW = """
    ..................
    .aaa.bbb.ccc.ddd..
    .aaa.bbb.ccc.ddd..
    ..................
"""


UNWEIGHED = peak_params(boundary_weight=0.0, contact_weight=0.0)


DOWN_TO_THE_SEAM = peak_params(flood_ratio=0.35)


@pytest.mark.parametrize("upsampling", [1, 3])
@pytest.mark.parametrize("birth", range(2, 8))
def test_a_house_that_appears_is_born_then_and_stays(birth: int, upsampling: int) -> None:
    tracks = track(*[GROUND] * (birth - 1), *[HOUSE] * (9 - birth), upsampling=upsampling)
    assert born(tracks) == {A.normalize(): month(birth)}
    assert months_of(tracks) == list(range(birth, 9))


def test_a_house_that_always_stood_there_has_the_first_month_as_birth() -> None:
    tracks = track(*[HOUSE] * 4)
    assert born(tracks) == {A.normalize(): month(1)}
    assert months_of(tracks) == [1, 2, 3, 4]


@pytest.mark.parametrize("late", [1, 2])
@pytest.mark.parametrize("found", [True, False])
def test_a_house_seen_in_the_last_months_alone_counts_by_their_share(late: int, found: bool) -> None:
    evidence = late / 3  # of tail_months
    change = peak_params(seed_threshold=evidence - 0.01 if found else evidence + 0.01)
    tracks = track(*[GROUND] * (8 - late), *[HOUSE] * late, how=with_peaks(change, peak_params()))
    assert born(tracks) == ({A.normalize(): month(9 - late)} if found else {})


def test_births_are_told_apart_by_building() -> None:
    tracks = track(*[HOUSE] * 3, *[TWO_HOUSES] * 5)
    assert born(tracks) == {A.normalize(): month(1), B.normalize(): month(4)}
    assert len(tracks) == 8 + 5


@pytest.mark.parametrize("dark", range(2, 13))
def test_a_house_that_flickers_once_is_one_track_from_start_to_end(dark: int) -> None:
    tracks = track(*[GROUND if number == dark else HOUSE for number in range(1, 13)], sure=204)
    assert born(tracks) == {A.normalize(): month(1)}
    assert months_of(tracks) == list(range(1, 13))


def test_a_house_that_flickers_after_its_birth_is_born_once() -> None:
    tracks = track(*[GROUND] * 4, *[HOUSE, HOUSE, GROUND, HOUSE, GROUND, HOUSE, HOUSE, HOUSE])
    assert born(tracks) == {A.normalize(): month(5)}
    assert months_of(tracks) == list(range(5, 13))


@pytest.mark.parametrize("flash", range(1, 13))
def test_ground_that_flashes_once_is_no_house(flash: int) -> None:
    # In any of the last three months its evidence is 0.8 / 3; the threshold is 0.3.
    assert track(*[HOUSE if number == flash else GROUND for number in range(1, 13)], sure=204).empty


def test_a_house_hidden_by_cloud_at_its_birth_is_born_when_first_seen() -> None:
    tracks = track(*[GROUND] * 3, CLOUD_OVER_IT, CLOUD_OVER_IT, *[HOUSE] * 3)
    assert born(tracks) == {A.normalize(): month(6)}
    assert months_of(tracks) == [6, 7, 8]


def test_a_house_partly_hidden_at_its_birth_is_born_when_wholly_seen() -> None:
    tracks = track(*[GROUND] * 3, PARTLY_HIDDEN, *[HOUSE] * 4)
    assert born(tracks) == {A.normalize(): month(5)}
    assert months_of(tracks) == [5, 6, 7, 8]


def test_a_house_is_not_emitted_while_a_part_of_it_is_under_cloud_and_keeps_its_id() -> None:
    assert months_of(track(HOUSE, HOUSE, PARTLY_HIDDEN, CLOUD_OVER_IT, HOUSE)) == [1, 2, 5]


def test_a_house_under_cloud_in_the_first_months_was_there_from_the_start() -> None:
    tracks = track(CLOUD_OVER_IT, CLOUD_OVER_IT, *[HOUSE] * 4)
    assert born(tracks) == {A.normalize(): month(1)}
    assert months_of(tracks) == [3, 4, 5, 6]


def track_touching(*drawings: str, upsampling: int) -> dict[Polygon, str]:
    return born(track(*drawings, upsampling=upsampling, how=with_peaks(DOWN_TO_THE_SEAM, DOWN_TO_THE_SEAM)))


@pytest.mark.parametrize("upsampling", [1, 3])
def test_two_that_touch_are_two_with_the_seam_where_drawn(upsampling: int) -> None:
    found = track_touching(*[TOUCHING] * 4, upsampling=upsampling)
    assert found == {LEFT.normalize(): month(1), RIGHT.normalize(): month(1)}


@pytest.mark.parametrize("upsampling", [1, 3])
def test_two_that_touch_and_are_born_together_are_two(upsampling: int) -> None:
    ground = TOUCHING.replace("a", ".").replace("b", ".")
    found = track_touching(*[ground] * 4, *[TOUCHING] * 4, upsampling=upsampling)
    assert found == {LEFT.normalize(): month(5), RIGHT.normalize(): month(5)}


@pytest.mark.parametrize("upsampling", [1, 3])
@pytest.mark.parametrize("later", range(2, 7))
def test_one_that_is_built_against_another_is_born_then(later: int, upsampling: int) -> None:
    alone = TOUCHING.replace("b", ".")
    frames = [alone] * (later - 1) + [TOUCHING] * (9 - later)
    found = born(track(*frames, upsampling=upsampling, how=with_peaks(DOWN_TO_THE_SEAM, peak_params())))
    assert found == {LEFT.normalize(): month(1), RIGHT.normalize(): month(later)}


def test_a_house_torn_down_late_stays_to_the_end() -> None:
    assert months_of(track(*[HOUSE] * 8, *[GROUND] * 4)) == list(range(1, 13))


def test_a_house_torn_down_early_is_none() -> None:
    assert track(*[HOUSE] * 2, *[GROUND] * 10).empty


def test_a_house_born_and_torn_down_is_born_and_stays_to_the_end() -> None:
    tracks = track(*[GROUND] * 4, *[HOUSE] * 5, *[GROUND] * 3)
    assert born(tracks) == {A.normalize(): month(5)}
    assert months_of(tracks) == list(range(5, 13))


def test_a_row_of_houses_born_together_is_born_in_one_month() -> None:
    tracks = track(*[A_ROW.translate({ord(letter): "." for letter in "abcd"})] * 4, *[A_ROW] * 4)
    assert set(born(tracks).values()) == {month(5)}
    assert tracks.groupby("time").size().to_dict() == {month(number): 4 for number in (5, 6, 7, 8)}


def _row_with_a_slow_one() -> Mapping[str, Probabilities]:
    """Return a row that is built in the fifth month; of one house little is seen until the seventh."""
    ground = A_ROW.translate({ord(letter): "." for letter in "abcd"})
    slow = [shaded(A_ROW, {"c": value}) for value in (40, 40, 255, 255)]
    return cube_of([frame(ground)] * 4 + slow)


@pytest.mark.parametrize(
    ("neighbour_weight", "birth"), [(0.0, 7), (0.9, 5)], ids=["asked alone", "with its neighbours"]
)
def test_a_house_of_a_row_that_is_seen_late_is_drawn_to_the_others(neighbour_weight: float, birth: int) -> None:
    # Log-odds of -1.7: "before" (level -5) has a density of -5.5, "after" (level 5, spread 2) one of -6.3.
    tracks = track_changepoint(_row_with_a_slow_one(), 1, params(neighbour_weight=neighbour_weight, neighbour_px=8.0))
    slow = box(9, 1, 12, 3).normalize()
    found = born(tracks)
    assert found.pop(slow) == month(birth)
    assert list(found.values()) == [month(5)] * 3


def test_one_month_gives_its_buildings() -> None:
    tracks = track(TWO_HOUSES)
    assert born(tracks) == {A.normalize(): month(1), B.normalize(): month(1)}
    assert len(tracks) == 2


def test_of_two_months_both_give_theirs() -> None:
    tracks = track(TWO_HOUSES, TWO_HOUSES)
    assert born(tracks) == {A.normalize(): month(1), B.normalize(): month(1)}
    assert len(tracks) == 4


def test_a_month_with_no_detections_ends_no_track() -> None:
    tracks = track(*[TWO_HOUSES] * 5, GROUND, *[TWO_HOUSES] * 5)
    assert tracks.groupby("id").size().tolist() == [11, 11]
    assert set(tracks["birth_month"]) == {month(1)}


def test_a_month_wholly_under_cloud_has_no_row_and_ends_no_track() -> None:
    hidden = GROUND.replace(".", "?")
    tracks = track(TWO_HOUSES, hidden, TWO_HOUSES)
    assert tracks["time"].tolist() == [month(1)] * 2 + [month(3)] * 2
    assert tracks["id"].nunique() == 2


@pytest.mark.parametrize(("min_probability", "birth"), [(0.2, 4), (0.999, 1)], ids=["declared", "not declared"])
def test_a_house_is_either_born_or_static_and_never_both(min_probability: float, birth: int) -> None:
    # Three quarters of the months show it, so that it is a candidate of both passes.
    cube = cube_of([frame(GROUND)] * 3 + [frame(HOUSE)] * 9)
    tracks = track_changepoint(cube, 1, params(min_probability=min_probability, birth_prior=0.5, evidence_weight=0.1))
    assert born(tracks) == {A.normalize(): month(birth)}
    assert months_of(tracks) == list(range(birth, 13))


@pytest.mark.parametrize(("drawing", "both"), [("..aaaaaaabbb..", True), ("..aaaaaabbbb..", False)])
def test_a_static_house_that_a_born_one_covers_by_more_than_its_share_is_dropped(drawing: str, both: bool) -> None:
    # Without rims and contacts the first's flood takes in the second: 10 pixels, 3 or 4 of which were born.
    frames = [drawing.replace("b", ".")] * 3 + [drawing] * 5
    found = born(track(*frames, how=with_peaks(UNWEIGHED, UNWEIGHED)))
    assert found.pop(box(drawing.index("b"), 0, 12, 1).normalize()) == month(4)
    assert found == ({box(2, 0, 12, 1).normalize(): month(1)} if both else {})


@pytest.mark.parametrize(("min_mean", "kept"), [(0.74, True), (0.76, False)])
def test_a_static_house_stands_if_its_mean_is_above_the_threshold(min_mean: float, kept: bool) -> None:
    cube = cube_of([*[frame(HOUSE)] * 9, *[frame(GROUND)] * 3, *[frame(CLOUD_OVER_IT)] * 6])
    tracks = track_changepoint(cube, 1, params().model_copy(update={"min_mean": min_mean}))
    assert tracks.empty != kept


@pytest.mark.parametrize(("offset", "birth"), [(-1, 4), (0, 5), (1, 6)])
def test_the_offset_shifts_the_birth_and_the_first_row(offset: int, birth: int) -> None:
    cube = cube_of([frame(GROUND)] * 4 + [frame(HOUSE)] * 4)
    tracks = track_changepoint(cube, 1, params(month_offset=offset))
    assert born(tracks) == {A.normalize(): month(birth)}
    assert months_of(tracks) == list(range(birth, 9))


@pytest.mark.parametrize(("min_tail", "kept"), [(0.32, True), (0.34, False)])
def test_a_house_that_is_gone_at_the_end_was_never_born(min_tail: float, kept: bool) -> None:
    # Of the last three months with evidence one shows it; the cloud of the month between says nothing.
    months = [GROUND] * 4 + [HOUSE] * 4 + [CLOUD_OVER_IT, GROUND, GROUND]
    how = params(birth_prior=0.5).model_copy(update={"min_tail": min_tail, "min_mean": 0.9})
    found = born(track(*months, how=how))
    assert found == ({A.normalize(): month(5)} if kept else {})


def building_site(upsampling: int = 1) -> list[Probabilities]:
    """The network is half sure of a building in month 4; the field turns bright with the roof, in month 5."""
    drawn = [GROUND] * 3 + [HOUSE] * 5
    sure = [255] * 3 + [140] + [255] * 4
    bright = [96] * 4 + [192] * 4
    return [
        replace(frame(drawing, upsampling, value), shades=np.full((3, 3, 10), shade, np.uint8))
        for drawing, value, shade in zip(drawn, sure, bright, strict=True)
    ]


@pytest.mark.parametrize(("weight", "birth"), [(0.0, 4), (1.0, 5)])
@pytest.mark.parametrize("upsampling", [1, 3])
def test_the_ground_says_when_a_roof_came_that_the_network_saw_early(
    weight: float, birth: int, upsampling: int
) -> None:
    how = params(brightness_weight=weight, after_logit=2.0)
    found = born(track_changepoint(cube_of(building_site(upsampling)), upsampling, how))
    assert list(found.values()) == [month(birth)]


@pytest.mark.parametrize("missing", [0, 7])
def test_a_month_whose_shades_nobody_kept_leaves_the_ground_out(missing: int) -> None:
    frames = building_site()
    frames[missing] = replace(frames[missing], shades=None)
    found = born(track_changepoint(cube_of(frames), 1, params(brightness_weight=1.0, after_logit=2.0)))
    assert list(found.values()) == [month(4)]
