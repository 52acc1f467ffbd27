"""Windows, blending, cropping and flips put every pixel at its place, and nobody sees where a window ended."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from sn7ml.core.errors import ModelError
from sn7ml.core.geo.radiometry import band_statistics
from sn7ml.learn.package import Package, save_package
from sn7ml.learn.predict import Predictor, load_predictor, predict_frames
from sn7ml.outputs.probabilities import ProbabilityCube, write_probabilities
from sn7ml.scenes.images import read_grid
from sn7ml.scenes.layouts.spacenet7 import scan
from sn7ml.scenes.scored_columns import Stretch
from tests.learn.toy import MONTHS, OUTPUT, RECIPE, windows
from tests.raising import raises
from tests.sn7_folder import AOI, addressed, grid_of

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Identity(nn.Module):
    """Its probability of a pixel is the pixel's own value by 255."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.logit((image / 255).clamp(1e-6, 1 - 1e-6))


class Constant(nn.Module):
    """Says the same everywhere, and counts the windows it has seen."""

    seen = 0

    def forward(self, image: Tensor) -> Tensor:
        self.seen += len(image)
        return torch.full_like(image, -1.0)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let images reach the network as they are."""
    plain = np.zeros(3, np.float32), np.ones(3, np.float32)
    monkeypatch.setattr("sn7ml.learn.predict.band_statistics", lambda _pixels: plain)


def predictor(
    network: nn.Module, upsampling: int = 1, others: Sequence[nn.Module] = (), folds: int = 1, **changes: object
) -> Predictor:
    class Made(Package):
        def networks(self) -> list[nn.Module]:
            return [network, *others]

    return Predictor(Made(RECIPE, *OUTPUT, upsampling, ({},), folds), windows(**changes))


def address_bands(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Red is the row, green the column; blue tells most pixels apart by itself."""
    rows, cols = np.indices(shape)
    pixels = addressed(shape)
    pixels[2] = (rows * 37 + cols * 11) % 256
    return pixels


@pytest.mark.usefixtures("use")
@SETTINGS
@given(
    shape=st.tuples(st.integers(1, 75), st.integers(1, 75)),
    overlap_px=st.integers(0, 31),
    upsampling=st.sampled_from([1, 3]),
    flips=st.booleans(),
    data=st.data(),
)
def test_every_pixel_comes_back_to_its_own_address(
    shape: tuple[int, int], overlap_px: int, upsampling: int, flips: bool, data: st.DataObject
) -> None:
    pixels = address_bands(shape)
    pixels[3] = np.random.default_rng(shape).random(shape) > 0.1
    start = data.draw(st.integers(0, shape[1] - 1))
    stop = data.draw(st.integers(start + 1, shape[1]))
    found = predictor(Identity(), upsampling, overlap_px=overlap_px, flips=flips).predict_image(
        pixels, [Stretch(start, stop)]
    )

    wanted = pixels[3] > 0
    wanted[:, :start], wanted[:, stop:] = False, False
    large = wanted.repeat(upsampling, axis=0).repeat(upsampling, axis=1)
    np.testing.assert_array_equal(found.usable, large)
    assert (found.channels[:, ~large] == 0).all()
    # Unusable pixels reach the network as 0; up-sampled by an odd factor, the middle of a pixel is the pixel itself.
    middle = slice(upsampling // 2, None, upsampling)
    np.testing.assert_array_equal(found.channels[:, middle, middle], np.where(wanted, pixels[:3], 0))


@pytest.mark.parametrize("upsampling", [1, 2, 3])
@pytest.mark.parametrize("overlap_px", [0, 5, 16, 31])
def test_a_network_that_says_one_thing_leaves_no_seam(upsampling: int, overlap_px: int) -> None:
    found = predictor(Constant(), upsampling, overlap_px=overlap_px).predict_image(addressed((45, 70)))
    assert found.channels.shape == (3, 45 * upsampling, 70 * upsampling)
    assert set(np.unique(found.channels)) == {round(255 / (1 + np.e))}
    assert found.usable.all()


@pytest.mark.usefixtures("use")
def test_neighbouring_windows_fade_into_each_other() -> None:
    class Side(nn.Module):
        """The first window is dark, the second bright."""

        def forward(self, image: Tensor) -> Tensor:
            return torch.tensor([-30.0, 30.0])[:, None, None, None].expand(2, 3, 32, 32)

    row = predictor(Side(), overlap_px=16).predict_image(addressed((32, 48))).channels[0, 16]
    steps = np.diff(row.astype(int))
    assert row[0] == 0
    assert row[-1] == 255
    assert (steps >= 0).all()
    assert steps.max() <= 255 / 16 + 1  # sixteen even steps, and no line


@pytest.mark.usefixtures("use")
def test_a_signed_distance_of_1_is_its_unit_in_metres_in_the_raster(tmp_path: Path) -> None:
    class Distance(Package):
        def networks(self) -> list[nn.Module]:
            class Red(nn.Module):
                def forward(self, image: Tensor) -> Tensor:
                    return (image[:, :1] - 128) / 16

            return [Red()]

    pixels = np.full((4, 1, 6), 255, np.uint8)
    pixels[0, 0] = 1, 112, 120, 128, 144, 255  # outputs from -8 to 8
    found = Predictor(Distance(RECIPE, ("distance",), "distance", 1, ({},)), windows()).predict_image(pixels)
    write_probabilities(tmp_path / "a.tif", found, ("distance",), grid_of(AOI, (1, 6)), 1, unit_m=20.0)
    with rasterio.open(tmp_path / "a.tif") as source:
        metres = source.read(1)[0] * source.scales[0] + source.offsets[0]
    assert metres.tolist() == pytest.approx([-20, -20, -10, 0, 20, 20], abs=0.08)  # half a byte


@pytest.mark.parametrize("flips", [False, True])
def test_each_stretch_asks_the_networks_of_its_fold_and_the_others_all(flips: bool) -> None:
    class Says(nn.Module):
        def __init__(self, probability: float) -> None:
            super().__init__()
            self.logit = float(np.log(probability / (1 - probability)))

        def forward(self, image: Tensor) -> Tensor:
            return torch.full_like(image, self.logit)

    model = predictor(Says(0.2), others=[Says(0.6), Says(0.4), Says(0.8)], folds=2, flips=flips)
    stretches = [Stretch(0, 20, 1), Stretch(20, 35, 2), Stretch(35, 60)]
    found = model.predict_image(addressed((32, 70)), stretches)
    # 255 times the mean of 0.2 and 0.4, that of 0.6 and 0.8, and that of all: 76.5 (to even), 178.5, 127.5.
    by_hand = np.repeat([76, 178, 128, 0], [20, 15, 25, 10])
    np.testing.assert_allclose(found.channels[0].astype(int), np.tile(by_hand, (32, 1)), atol=1)
    np.testing.assert_array_equal(found.usable[5], by_hand > 0)


def test_a_lower_precision_says_nearly_the_same() -> None:
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
    exact, rough = (
        predictor(network, precision=precision).predict_image(address_bands((40, 50))).channels.astype(int)
        for precision in ("32-true", "bf16-mixed")
    )
    difference = np.abs(exact - rough)
    assert 0 < difference.max() <= 4  # bfloat16 keeps 8 bits


@pytest.mark.usefixtures("use")
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize(
    ("share", "value", "logit"), [(0.0, 1, 1.0), (0.5, 1, 0.5 / 0.5**0.5), (0.75, 2, 0.5 / 0.25**0.5)]
)
def test_networks_follow_the_usable_part_of_the_frame_as_far_as_they_may(
    share: float, value: int, logit: float, batch_size: int
) -> None:
    """Trained on mean 0 and variance 1, it sees a frame of one value: a mean of that value, and variance 0."""
    normalise = predictor(nn.BatchNorm2d(3, affine=False), adaptation=share, batch_size=batch_size)
    normalise.predict_image(np.full((4, 64, 64), 200, np.uint8))  # no frame leaves a trace for the next
    pixels = np.full((4, 32, 32 * 5), value, np.uint8)
    pixels[:, :, 64:] = 0  # what is not usable tells nothing
    found = normalise.predict_image(pixels, [Stretch(5, 9)])
    expected = 255 / (1 + np.exp(-logit))
    assert found.channels[:, :, 5:9] == pytest.approx(expected, abs=0.51)


def test_a_frame_without_a_usable_window_is_not_followed() -> None:
    pixels = addressed((32, 64))
    pixels[3, :, 10:] = 0
    one, other = (predictor(nn.BatchNorm2d(3), adaptation=share).predict_image(pixels).channels for share in (0.0, 1.0))
    np.testing.assert_array_equal(one, other)


def test_parts_of_something_larger_are_not_followed_one_by_one() -> None:
    pixels = addressed((64, 64))
    brightness = band_statistics(pixels)
    one, other = (
        predictor(nn.BatchNorm2d(3), adaptation=share).predict_image(pixels, brightness=brightness).channels
        for share in (0.0, 1.0)
    )
    np.testing.assert_array_equal(one, other)
    assert (one != predictor(nn.BatchNorm2d(3), adaptation=1.0).predict_image(pixels).channels).any()


def test_windows_with_no_wanted_pixel_cost_nothing() -> None:
    pixels = addressed((32, 96))
    network = Constant()
    predictor(network, overlap_px=0).predict_image(pixels)
    assert network.seen == 3
    pixels[3, :, :64] = 0
    predictor(network, overlap_px=0).predict_image(pixels)
    assert network.seen == 4
    predictor(network, overlap_px=0).predict_image(addressed((32, 96)), [Stretch(32, 64)])
    assert network.seen == 5
    pixels[3] = 0
    blank = predictor(network, overlap_px=0).predict_image(pixels)
    assert network.seen == 5
    assert not blank.usable.any()
    assert not blank.channels.any()


def test_brightness_is_that_of_the_whole_frame_and_not_of_the_wanted_columns() -> None:
    pixels = address_bands((40, 70))
    model = predictor(Identity())
    whole, part = model.predict_image(pixels), model.predict_image(pixels, [Stretch(20, 50)])
    np.testing.assert_array_equal(part.channels[:, :, 20:50], whole.channels[:, :, 20:50])


@pytest.mark.usefixtures("use")
def test_the_outermost_wanted_columns_are_seen_with_what_lies_beside_them() -> None:
    class Blur(nn.Module):
        """The mean of nine pixels."""

        def forward(self, image: Tensor) -> Tensor:
            return Identity().forward(avg_pool2d(image, 3, stride=1, padding=1))

    pixels = address_bands((60, 60))
    model = predictor(Blur(), tile_px=64)  # one window, so that only the cut can make a difference
    whole, part = model.predict_image(pixels), model.predict_image(pixels, [Stretch(20, 50)])
    np.testing.assert_array_equal(part.channels[:, :, 20:50], whole.channels[:, :, 20:50])


@pytest.mark.parametrize(
    "pixels", [np.zeros((3, 8, 8), np.uint8), np.zeros((4, 8, 8), np.float32), np.zeros((8, 8), np.uint8)]
)
def test_what_is_no_image_is_a_mistake_of_the_caller(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{pixels.dtype} {pixels.shape}")):
        predictor(Constant()).predict_image(pixels)


@pytest.mark.usefixtures("use")
def test_frames_are_written_where_trackers_look_for_them(world: Path, tmp_path: Path) -> None:
    frames = scan(world)
    done = list(predict_frames(predictor(Identity(), 3), world, frames, {AOI: [Stretch(8, 72)]}, tmp_path))
    assert done == [(AOI, month) for month in MONTHS]
    grid = read_grid(world / frames["image"].iloc[0])
    cube = ProbabilityCube(tmp_path / AOI, grid)
    assert list(cube) == list(MONTHS)
    assert cube.upsampling == 3
    usable = cube[MONTHS[0]].usable
    assert usable[:, 8 * 3 : 72 * 3].all()
    assert usable.sum() == 64 * 3 * 64 * 3
    names = [f"{month}.tif" for month in MONTHS]
    assert sorted(path.name for path in (tmp_path / AOI).iterdir()) == [*names, "shades"]
    assert sorted(path.name for path in (tmp_path / AOI / "shades").iterdir()) == names


def test_areas_that_are_not_named_are_left_out(world: Path, tmp_path: Path) -> None:
    frames: pd.DataFrame = scan(world)
    assert list(predict_frames(predictor(Constant()), world, frames, {}, tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_predictor_of_a_damaged_package_is_refused(tmp_path: Path) -> None:
    save_package(tmp_path, Package(RECIPE, *OUTPUT, 1, ({"nothing": torch.zeros(1)},)))
    with raises(ModelError, "package.weights-misfit", tmp_path, "'resnet18'"):
        load_predictor(tmp_path, windows())
    with raises(ModelError, "package.unreadable", tmp_path / "nowhere"):
        load_predictor(tmp_path / "nowhere", windows())
