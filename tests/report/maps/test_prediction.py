"""The map of what was found."""

import io

import numpy as np
import pytest
from PIL import Image

from sn7ml.report.maps.tracks import prediction_map
from sn7ml.report.palette import STOOD
from tests.report.drawn import tracks

MONTHS = ["2018-01", "2018-02", "2018-03"]


def pixels(rows: int = 20, cols: int = 20) -> np.ndarray:
    grey = np.random.default_rng(7).integers(60, 120, (1, rows, cols)).repeat(4, axis=0)
    grey[3] = 255
    return grey.astype(np.uint8)


def drawn(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def share(png: bytes, colour: str) -> float:
    """Of the picture's pixels."""
    return float((drawn(png) == list(bytes.fromhex(colour[1:]))).all(axis=2).mean())


def vivid(png: bytes) -> float:
    """Share of pixels with a strong colour: the month's, where image, rims and letters are grey."""
    picture = drawn(png)
    return float(((picture.max(axis=2) - picture.min(axis=2)) > 100).mean())


def test_what_stood_there_is_white_and_what_was_born_has_a_colour() -> None:
    none, old, everything = (
        prediction_map(rows, pixels(), MONTHS, "2018-03")
        for rows in (tracks()[:0], tracks().query("id != 'young'"), tracks())
    )
    assert share(none, STOOD) < share(old, STOOD)
    assert share(old, STOOD) == pytest.approx(share(everything, STOOD), rel=0.1)  # letters apart
    # A house of 4 x 4 in an image of 20 x 20, which fills more than half of the picture.
    assert vivid(everything) - vivid(old) == pytest.approx(16 / 400 * 0.75, rel=0.4)
    assert vivid(none) == pytest.approx(vivid(old), rel=0.05)  # the scale and the legend


def test_one_month_needs_no_scale() -> None:
    only = prediction_map(tracks().query("time == '2018-01'"), pixels(), MONTHS[:1], "2018-01")
    assert vivid(only) == 0
    assert share(only, STOOD) > 0.03


@pytest.mark.parametrize("shape", [(20, 60), (63, 8), (1, 1)])
def test_images_of_any_shape_are_drawn(shape: tuple[int, int]) -> None:
    assert drawn(prediction_map(tracks()[:0], pixels(*shape), MONTHS, "2018-01")).shape[0] > 500


def test_unusable_ground_is_hatched() -> None:
    blank = pixels()
    blank[3] = 0
    assert len(np.unique(drawn(prediction_map(tracks()[:0], blank, MONTHS[:1], "2018-01")), axis=0)) > 1
    assert not np.array_equal(
        drawn(prediction_map(tracks()[:0], blank, MONTHS, "2018-01")),
        drawn(prediction_map(tracks()[:0], pixels(), MONTHS, "2018-01")),
    )


def test_the_picture_does_not_depend_on_the_order_of_rows() -> None:
    backwards, forwards = (prediction_map(rows, pixels(), MONTHS, "2018-03") for rows in (tracks()[::-1], tracks()))
    assert backwards == forwards
