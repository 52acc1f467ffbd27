"""Trailing means, rises and series of single pixels, worked out by hand."""

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sn7ml.core.errors import GridError
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.tracking.evidence import ChangeEvidence, candidate_series, collapse_change, collapse_months
from tests.outputs.tracking.drawings import CountingCube, cube_of
from tests.raising import raises


def pixels(footprint: list[int], boundary: list[int] | None = None, usable: list[bool] | None = None) -> Probabilities:
    """Return one frame of a single row."""
    nothing = [0] * len(footprint)
    channels = np.array([footprint, boundary or nothing, nothing], np.uint8)[:, np.newaxis]
    return Probabilities(channels, np.array([usable or [True] * len(footprint)]))


def collapsed(series: list[int], floor: float = 0.0) -> float:
    return float(collapse_months(cube_of([pixels([value]) for value in series]), floor).channels[0, 0, 0])


@pytest.mark.parametrize(
    ("series", "largest_trailing_mean"),
    [
        ([255] * 6, 1.0),
        ([0, 0, 0, 255, 255, 255], 1.0),
        ([0, 0, 0, 0, 0, 255], 1 / 3),
        ([0, 255, 0, 0, 0, 0], 1 / 5),
        ([255, 255, 255, 255, 0, 0], 4 / 6),
        ([255, 0], 1 / 2),
        ([204], 0.8),
    ],
    ids=[
        "always",
        "born late",
        "one bright month at the end",
        "one in between",
        "torn down",
        "two months",
        "one month",
    ],
)
def test_evidence_is_the_largest_trailing_mean(series: list[int], largest_trailing_mean: float) -> None:
    assert collapsed(series) == pytest.approx(largest_trailing_mean)


def test_probabilities_up_to_the_floor_count_as_nothing() -> None:
    assert collapsed([255, 51, 51], floor=0.2) == pytest.approx(1 / 3)
    assert collapsed([255, 52, 51], floor=0.2) == pytest.approx((255 + 52) / 255 / 3)


def test_boundary_is_the_mean_over_the_months_that_the_footprint_took() -> None:
    frames = [pixels([0], [255]), *[pixels([255], [value]) for value in (0, 51, 102)]]
    assert collapse_months(cube_of(frames), 0.0).channels[1, 0, 0] == pytest.approx(51 / 255)


def test_months_under_cloud_do_not_count() -> None:
    frames = [pixels([255, 255], usable=[False, False]), *[pixels([255, 9], usable=[True, False])] * 4]
    evidence = collapse_months(cube_of(frames), 0.0)
    np.testing.assert_allclose(evidence.channels[0], [[1.0, 0.0]])
    np.testing.assert_array_equal(evidence.usable, [[True, False]])


def test_months_are_taken_by_date_whatever_the_order_of_the_cube() -> None:
    cube = {"2019-01": pixels([255]), "2018-12": pixels([255]), "2018-02": pixels([0]), "2019-02": pixels([255])}
    assert collapse_months(cube, 0.0).channels[0, 0, 0] == pytest.approx(1.0)
    assert candidate_series(cube, np.array([[1]], np.int32)).probabilities.ravel().tolist() == [0, 1, 1, 1]


def test_a_series_is_the_mean_over_a_candidates_pixels() -> None:
    ids = np.array([[1, 1, 0, 2]], np.int32)
    series = candidate_series(cube_of([pixels([0, 51, 255, 255]), pixels([255, 255, 0, 0])]), ids).probabilities
    np.testing.assert_allclose(series, [[0.1, 1.0], [1.0, 0.0]])


def test_a_month_that_hides_one_pixel_of_a_candidate_is_missing() -> None:
    ids = np.array([[1, 1, 2]], np.int32)
    series = candidate_series(cube_of([pixels([255, 255, 255], usable=[True, False, True])]), ids).probabilities
    np.testing.assert_array_equal(series, [[np.nan, 1.0]])


def test_a_month_of_another_shape_is_named() -> None:
    cube = cube_of([pixels([0, 0]), pixels([0])])
    with raises(GridError, "probabilities.shape", "2018-01", "(1, 2)", "(1, 1)"):
        collapse_months(cube, 0.0)
    with raises(GridError, "probabilities.shape", "2018-02", "(1, 1)", "(1, 2)"):
        candidate_series(cube, np.array([[1, 0]], np.int32))


SHADE = 51
"""A fifth of certain, so that means are round."""


def changed(frames: list[Probabilities], tail_months: int = 3) -> ChangeEvidence:
    return collapse_change(cube_of(frames), tail_months)


def rise_of(series: list[int], tail_months: int = 3, hidden: set[int] | None = None) -> float:
    """Return the largest rise of one pixel; hidden months hold what must not count."""
    frames = [pixels([value], usable=[month not in (hidden or set())]) for month, value in enumerate(series)]
    return float(changed(frames, tail_months).change.channels[0, 0, 0])


@pytest.mark.parametrize(
    ("series", "largest_rise"),
    [
        ([255] * 6, 0.0),
        ([0] * 6, 0.0),
        ([0, 0, 0, 255, 255, 255], 1.0),
        ([0, 255, 255, 255, 255, 255], 1.0),
        ([51, 51, 204, 204, 204], 0.6),
        ([255, 255, 255, 0, 0, 0], 0.0),
        ([51, 102, 153, 204, 255], 0.5),  # 0.3 before and 0.8 after, and the like at three places
        ([0, 0, 255, 0, 0, 0], 1 / 4),
        ([0, 0, 255, 255, 0, 0], 2 / 4),
        ([255, 0, 255, 255, 255], 0.5),  # after the dark month: 1 before less a half
    ],
    ids=["always", "never", "born", "second month", "half seen", "torn down", "slowly", "flash", "two", "flicker"],
)
def test_the_largest_rise_is_that_worked_out_by_hand(series: list[int], largest_rise: float) -> None:
    assert rise_of(series) == pytest.approx(largest_rise)


@pytest.mark.parametrize(
    ("series", "tail_months", "largest_rise"),
    [
        ([0, 0, 0, 0, 255], 3, 1 / 3),
        ([0, 0, 0, 255, 255], 3, 2 / 3),
        ([0, 0, 255, 255, 255], 3, 1.0),
        ([0, 0, 0, 0, 255], 1, 1.0),
        ([0, 0, 0, 255, 255], 4, 1 / 2),
        ([0, 255, 255], 24, 2 / 24),
        ([0, 0, 0, 204, 0], 3, 0.8 / 3),  # a half of 0.8, of two months that count by two thirds
    ],
)
def test_a_rise_counts_by_the_months_that_follow_it(series: list[int], tail_months: int, largest_rise: float) -> None:
    assert rise_of(series, tail_months) == pytest.approx(largest_rise)


@pytest.mark.parametrize(
    ("series", "hidden", "largest_rise"),
    [
        ([0, 255, 0, 255, 255, 255], {1, 2}, 1.0),
        ([255, 255, 255, 255, 255, 255], {0}, 0.0),  # nothing is known before
        ([0, 255, 255, 255, 255], {0, 1}, 0.0),
        ([0, 0, 255, 255, 255], {3}, 2 / 3),  # two usable months after it
        ([0, 0, 255, 255, 0], {4}, 2 / 3),
        ([0, 255, 255], {0, 1, 2}, 0.0),
    ],
)
def test_months_that_are_not_usable_take_no_part_in_a_rise(
    series: list[int], hidden: set[int], largest_rise: float
) -> None:
    assert rise_of(series, hidden=hidden) == pytest.approx(largest_rise)


def test_one_month_alone_has_no_rise_and_its_own_probabilities_as_mean() -> None:
    evidence = changed([pixels([204, 0], [51, 0])])
    np.testing.assert_allclose(evidence.static.channels[:, 0], [[0.8, 0.0], [0.2, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(evidence.change.channels[:, 0], [[0.0, 0.0], [0.2, 0.0], [0.0, 0.0]])


def test_static_evidence_is_the_mean_over_the_usable_months() -> None:
    values = [(0, 51), (102, 102), (255, 255), (102, 0)]
    usable = [True, True, False, True]
    frames = [pixels([a], [b], usable=[seen]) for (a, b), seen in zip(values, usable, strict=True)]
    np.testing.assert_allclose(changed(frames).static.channels[:, 0, 0], [0.8 / 3, 0.6 / 3, 0.0])


def lines(values: list[int], usable: list[bool]) -> list[Probabilities]:
    """Return frames of one pixel with boundary as given and contact twice that."""
    return [
        Probabilities(np.array([0, value, 2 * value], np.uint8).reshape(3, 1, 1), np.array([[seen]]))
        for value, seen in zip(values, usable, strict=True)
    ]


@pytest.mark.parametrize(
    ("tail_months", "fifths"), [(1, 2), (2, (2 + 1) / 2), (3, (2 + 1 + 0) / 3), (9, (2 + 1 + 0 + 1) / 4)]
)
def test_boundary_and_contact_of_a_change_are_means_over_the_last_usable_months(
    tail_months: int, fifths: float
) -> None:
    frames = lines([SHADE, 0, 2 * SHADE, SHADE, 2 * SHADE, 2 * SHADE], [True, True, False, True, True, False])
    found = changed(frames, tail_months).change.channels[:, 0, 0]
    np.testing.assert_allclose(found, [0.0, fifths / 5, 2 * fifths / 5], rtol=1e-6)


def test_every_pixel_has_its_own_last_months() -> None:
    frames = [
        pixels([0, 0], [0, 204]),
        pixels([0, 0], [51, 204], usable=[True, False]),
        pixels([0, 0], [51, 204], usable=[True, False]),
    ]
    np.testing.assert_allclose(changed(frames, 2).change.channels[1], [[0.2, 0.8]])


def test_what_is_never_usable_is_said_so_and_holds_nothing() -> None:
    evidence = changed([pixels([255, 255], [255, 255], usable=[False, True])] * 4)
    for part in (evidence.static, evidence.change):
        np.testing.assert_array_equal(part.usable, [[False, True]])
        assert not part.channels[:, 0, 0].any()
    assert evidence.static.channels.dtype == evidence.change.channels.dtype == np.float32


def test_a_rise_that_is_worked_out_block_by_block_is_that_of_every_row() -> None:
    rows = 200  # several blocks of rows
    birth = np.arange(rows) % 7
    frames = [
        Probabilities(
            np.stack(
                [(birth <= month)[:, np.newaxis], np.zeros((rows, 1), dtype=bool), np.zeros((rows, 1), dtype=bool)]
            )
            * np.uint8(255),
            np.ones((rows, 1), dtype=bool),
        )
        for month in range(7)
    ]
    expected = np.where(birth == 0, 0, np.minimum((7 - birth) / 3, 1))
    np.testing.assert_allclose(changed(frames).change.channels[0, :, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(changed(frames).static.channels[0, :, 0], (7 - birth) / 7, rtol=1e-6)


@given(
    series=st.lists(st.integers(0, 255), min_size=1, max_size=9),
    seen=st.integers(0, 511),
    tail_months=st.integers(1, 6),
)
def test_a_rise_is_that_of_the_definition(series: list[int], seen: int, tail_months: int) -> None:
    usable = [bool(seen >> month & 1) for month in range(len(series))]
    values = [value / 255 for value, counts in zip(series, usable, strict=True) if counts]
    steps = [
        (statistics.fmean(values[cut:]) - statistics.fmean(values[:cut])) * min((len(values) - cut) / tail_months, 1)
        for cut in range(1, len(values))
    ]
    hidden = {month for month, counts in enumerate(usable) if not counts}
    assert rise_of(series, tail_months, hidden) == pytest.approx(max([0.0, *steps]), abs=1e-5)


def test_two_dozen_months_of_certainty_do_not_overflow() -> None:
    evidence = changed([pixels([0])] + [pixels([255], [255])] * 23, tail_months=23)
    np.testing.assert_allclose(evidence.static.channels[:, 0, 0], [23 / 24, 23 / 24, 0])
    np.testing.assert_allclose(evidence.change.channels[:, 0, 0], [1, 1, 0])


def test_changes_are_taken_by_date_whatever_the_order_of_the_cube() -> None:
    cube = {"2019-01": pixels([255]), "2018-12": pixels([0]), "2018-02": pixels([0]), "2019-02": pixels([255])}
    assert collapse_change(cube, 2).change.channels[0, 0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("months", [1, 2, 7])
def test_every_month_is_read_twice_for_the_changes(months: int) -> None:
    cube = CountingCube(cube_of([pixels([0])] * months))
    collapse_change(cube, 3)
    assert cube.reads == 2 * months


def test_a_cube_without_months_and_one_of_several_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="month"):
        collapse_change({}, 3)
    with raises(GridError, "probabilities.shape", "2018-01", "(1, 2)", "(1, 1)"):
        collapse_change(cube_of([pixels([0, 0]), pixels([0])]), 3)


def test_shades_are_means_over_a_candidate_in_deviations_of_the_frame() -> None:
    # Up-sampled twice: candidate 1 covers one original pixel and a half, of shades 96 and 192; 2 lies under cloud.
    ids = np.array([[1, 1, 1, 0, 2, 2]] * 2, np.int32)
    shades = np.stack([np.full((1, 3), 128), [[96, 192, 0]], np.full((1, 3), 160)]).astype(np.uint8)
    usable = np.array([[True] * 4 + [False] * 2] * 2)
    image = Probabilities(np.zeros((3, 2, 6), np.uint8), usable, shades)
    found = candidate_series({"2018-01": image}, ids).shades
    assert found is not None
    # (2 x 96 + 192) / 3 = 128, whichever band; 160 is one deviation above.
    np.testing.assert_allclose(found[0, :, 0], [0, 0, 1])
    assert np.isnan(found[0, :, 1]).all()
