"""How good a picture is, on pictures whose faults are known."""

import numpy as np
import pytest
from scipy import ndimage

from sn7ml.core.geo.quality import sharpness, shift_px, similarity

TOWN = np.random.default_rng(3).random((24, 24)).repeat(4, 0).repeat(4, 1).astype(np.float32) * 100
ALL = np.ones(TOWN.shape, bool)


@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (0, -2), (2, 2)])
def test_a_shift_is_found_with_its_length(shift: tuple[int, int]) -> None:
    assert shift_px(np.roll(TOWN, shift, (0, 1)), TOWN) == pytest.approx(np.hypot(*shift), abs=0.25)


def test_blur_lowers_sharpness_and_haze_does_not() -> None:
    sharp = sharpness(TOWN, ALL)
    assert sharpness(ndimage.gaussian_filter(TOWN, 2), ALL) < 0.1 * sharp
    assert sharpness(TOWN * 0.4 + 60, ALL) == pytest.approx(sharp, rel=1e-3)


def test_unusable_ground_has_no_say_in_sharpness() -> None:
    clouded, usable = TOWN.copy(), ALL.copy()
    clouded[:40], usable[:40] = 255, False
    assert sharpness(clouded, usable) == pytest.approx(sharpness(TOWN, usable))


def test_other_ground_is_not_alike_and_more_light_is() -> None:
    assert similarity(TOWN + 30, TOWN, ALL) == pytest.approx(1)
    assert abs(similarity(TOWN[:, ::-1], TOWN, ALL)) < 0.3


def test_an_even_picture_says_nothing() -> None:
    even = np.full(TOWN.shape, 7, np.float32)
    assert np.isnan([sharpness(even, ALL), shift_px(even, TOWN), similarity(even, TOWN, ALL)]).all()
    assert np.isnan(sharpness(TOWN, ~ALL))
