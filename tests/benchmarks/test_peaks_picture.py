"""The cut through a row of houses and the ways of parting it."""

import numpy as np
from matplotlib.colors import to_rgb

from benchmarks.peaks_picture import FILL, Parted, painted, parting_figure
from sn7ml.report.palette import IDENTITIES
from tests.drawings import capitals, picture

HOUSES = """
    .......
    .aa.bb.
    .AA.Bb.
    .aa.bb.
    .......
"""
WAY = Parted("peaks", picture(HOUSES), capitals(HOUSES), {"seeds above": 0.4})
EVIDENCE = np.where(WAY.ids > 0, 0.8, 0.2).astype(np.float32)
NONE = Parted("nothing", np.zeros_like(WAY.ids), np.zeros(WAY.ids.shape, dtype=bool), {})


def test_the_cut_is_the_middle_row_at_the_centres_of_pixels() -> None:
    curve = parting_figure(EVIDENCE, [], [WAY], 2).axes[0].lines[0]
    np.testing.assert_allclose(np.asarray(curve.get_xdata()), np.arange(7) / 2 + 0.25)
    np.testing.assert_allclose(np.asarray(curve.get_ydata()), EVIDENCE[2])


def test_thresholds_are_drawn_and_named_in_the_cut() -> None:
    above = parting_figure(EVIDENCE, [], [WAY, NONE], 2).axes[0]
    assert [text.get_text() for text in above.texts] == ["seeds above 0.4"]
    assert np.asarray(above.lines[1].get_ydata()).tolist() == [0.4, 0.4]


def test_titles_count_what_was_found_of_how_many() -> None:
    figure = parting_figure(EVIDENCE, [(0.5, 0.5, 1.5, 2)] * 3, [WAY, NONE], 2)
    assert [axes.get_title(loc="left") for axes in figure.axes[1:]] == ["peaks: 2 of 3", "nothing: 0 of 3"]


def test_the_truth_is_framed_in_pixels_of_the_original_image() -> None:
    (frame,) = parting_figure(EVIDENCE, [(0.5, 0.5, 1.5, 2.0)], [WAY], 2).axes[1].patches
    assert frame.get_bbox().bounds == (0.5, 0.5, 1.0, 1.5)  # type: ignore[attr-defined]


def test_each_building_has_its_colour_and_its_seed_a_darker_one() -> None:
    pixels = painted(EVIDENCE, WAY)
    first, second = (np.array(to_rgb(IDENTITIES[number])) for number in (0, 1))
    np.testing.assert_allclose(pixels[2, 1], 0.6 * first)
    np.testing.assert_allclose(pixels[2, 4], 0.6 * second)
    np.testing.assert_allclose(pixels[1, 1], pixels[3, 2])
    np.testing.assert_allclose(pixels[1, 5] - pixels[1, 1], FILL * (second - first))
    assert (pixels[1, 1] > pixels[2, 1]).all()
    np.testing.assert_allclose(pixels[0, 0], 1 - 0.75 * 0.2, rtol=1e-6)


def test_ground_stays_grey_where_nothing_was_found() -> None:
    pixels = painted(EVIDENCE, NONE)
    assert (pixels[:, :, 0] == pixels[:, :, 2]).all()
