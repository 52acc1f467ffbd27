"""Image and mask move together: every pixel holds its own address, and keeps it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from sn7ml.learn.augment import build_colour, build_geometry, disturb
from sn7ml.params import AugmentationParams
from tests.learn.toy import EVERYTHING, NOTHING

SIDE = 6
UNKNOWN = 255

GEOMETRY = {
    "flips": NOTHING.model_copy(update={"flips": True}),
    "quarter turns": NOTHING.model_copy(update={"quarter_turns": True}),
    "both": NOTHING.model_copy(update={"flips": True, "quarter_turns": True}),
}


def addresses() -> Tensor:
    """uint8 (4, SIDE, SIDE): every pixel another number."""
    return torch.arange(SIDE * SIDE, dtype=torch.uint8).reshape(1, SIDE, SIDE).expand(4, -1, -1).contiguous()


def moved(params: AugmentationParams, seed: int, upsampling: int = 1) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    mask = addresses()[0].repeat_interleave(upsampling, 0).repeat_interleave(upsampling, 1)
    image, flags = build_geometry(params, UNKNOWN)(tv_tensors.Image(addresses()), tv_tensors.Mask(mask))
    return image.as_subclass(Tensor), flags.as_subclass(Tensor)


@pytest.mark.parametrize("params", GEOMETRY.values(), ids=list(GEOMETRY))
def test_a_mask_three_times_as_large_still_lies_under_its_image(params: AugmentationParams) -> None:
    for seed in range(20):
        image, mask = moved(params, seed, upsampling=3)
        assert torch.equal(mask[1::3, 1::3], image[0])
        assert torch.equal(mask, image[0].repeat_interleave(3, 0).repeat_interleave(3, 1))
        assert all(torch.equal(image[0], band) for band in image)


@pytest.mark.parametrize(("name", "views"), [("flips", 4), ("quarter turns", 4), ("both", 8)])
def test_all_views_of_a_square_come_up_and_no_other(name: str, views: int) -> None:
    square: Tensor = addresses()[0]
    turns = [torch.rot90(square, turn) for turn in range(4)]
    allowed: dict[str, list[Tensor]] = {
        "flips": [square, square.flip(0), square.flip(1), square.flip(0, 1)],
        "quarter turns": turns,
        "both": turns + [turn.flip(0) for turn in turns],
    }
    found = {tuple(moved(GEOMETRY[name], seed)[0][0].flatten().tolist()) for seed in range(120)}
    assert found == {tuple(view.flatten().tolist()) for view in allowed[name]}
    assert len(found) == views


@pytest.mark.parametrize("seed", range(5))
def test_nothing_chosen_changes_nothing(seed: int) -> None:
    image, mask = moved(NOTHING, seed)
    assert torch.equal(image, addresses())
    assert torch.equal(mask, addresses()[0])
    colours = tv_tensors.Image(addresses()[:3])
    assert torch.equal(build_colour(NOTHING)(colours), colours)
    standardised = torch.randn(3, SIDE, SIDE)
    assert torch.equal(disturb(standardised, NOTHING), standardised)


@pytest.mark.parametrize("choice", ["brightness", "contrast", "saturation", "blur"])
def test_each_colour_choice_changes_colours(choice: str) -> None:
    torch.manual_seed(1)
    colour: Callable[[Tensor], Tensor] = build_colour(NOTHING.model_copy(update={choice: 0.5}))
    image = tv_tensors.Image(torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8))
    views = [colour(image) for _ in range(8)]
    assert all(view.shape == image.shape and view.dtype == torch.uint8 for view in views)
    assert any(not torch.equal(view, image) for view in views)


def test_brightness_stays_within_its_strength() -> None:
    colour = build_colour(NOTHING.model_copy(update={"brightness": 0.2}))
    grey = tv_tensors.Image(torch.full((3, 4, 4), 100, dtype=torch.uint8))
    levels = [int(colour(grey)[0, 0, 0]) for _ in range(200)]
    assert 79 <= min(levels) < 85
    assert 115 < max(levels) <= 120


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    torch.manual_seed(1)
    noisy = disturb(torch.zeros(3, 100, 100), NOTHING.model_copy(update={"noise": EVERYTHING.noise}))
    assert noisy.std().item() == pytest.approx(EVERYTHING.noise, rel=0.03)
    assert noisy.mean().item() == pytest.approx(0, abs=0.003)


@pytest.mark.parametrize("choice", ["gain", "offset"])
def test_gain_and_offset_are_shared_by_the_pixels_and_mostly_by_the_colours(choice: str) -> None:
    torch.manual_seed(1)
    params = NOTHING.model_copy(update={choice: 0.1})
    image = torch.tensor([-1.0, 1.0, 2.0]).expand(3, 4, 3)
    views = torch.stack([disturb(image, params) for _ in range(4000)])
    changes = views / image - 1 if choice == "gain" else views - image
    assert torch.allclose(changes, changes[..., :1, :1], atol=1e-6)
    colours = changes[..., 0, 0]
    # One number of deviation 0.1 for all and one of 0.05 for each: variances add up, and only the first is shared.
    covariance = torch.cov(colours.T)
    assert covariance.diagonal().tolist() == pytest.approx([0.0125] * 3, rel=0.1)
    assert covariance[0, 1].item() == pytest.approx(0.01, rel=0.1)


def test_no_gain_turns_an_image_into_its_negative() -> None:
    torch.manual_seed(1)
    views = [disturb(torch.ones(3, 1, 1), NOTHING.model_copy(update={"gain": 0.5})).min().item() for _ in range(300)]
    assert min(views) == 0.5


def turned(rotation: float, zoom: float, seed: int) -> tuple[Tensor, Tensor]:
    """A sharp square of 24 in an image of 64 whose mask holds the same square, moved at random."""
    torch.manual_seed(seed)
    image = torch.full((4, 64, 64), 100, dtype=torch.uint8)
    image[:3, 20:44, 20:44], image[3] = 200, 255
    mask = torch.zeros(64, 64, dtype=torch.uint8)
    mask[20:44, 20:44] = 1
    params = NOTHING.model_copy(update={"rotation": rotation, "zoom": zoom})
    pixels, flags = build_geometry(params, UNKNOWN)(tv_tensors.Image(image), tv_tensors.Mask(mask))
    return pixels.as_subclass(Tensor), flags.as_subclass(Tensor)


@pytest.mark.parametrize(("rotation", "zoom"), [(180.0, 0.0), (0.0, 0.5), (180.0, 0.5)])
def test_a_turned_and_zoomed_mask_lies_under_its_image(rotation: float, zoom: float) -> None:
    for seed in range(10):
        image, mask = turned(rotation, zoom, seed)
        seen = (image[3] == 255) & (mask != UNKNOWN)
        bright = image[0] > 150
        assert ((bright != (mask == 1)) & seen).float().mean() < 0.02  # but for half pixels along the edges
        assert set(image[3].flatten().tolist()) <= {0, 255}


def test_zoom_makes_things_larger_and_smaller_within_its_bounds() -> None:
    sides = [float((turned(0.0, 0.5, seed)[1] == 1).sum()) ** 0.5 for seed in range(60)]
    assert 24 / 1.5 - 1 <= min(sides) < 20
    assert 30 < max(sides) <= 24 * 1.5 + 1


def test_what_a_smaller_or_turned_picture_leaves_free_is_unknown() -> None:
    for seed in range(20):
        image, mask = turned(180.0, 0.0, seed)
        free = image[3] == 0
        assert (mask[~free] != UNKNOWN).all()
        assert (mask[free] != UNKNOWN).sum() <= 4 * 64  # half pixels along the edges
        assert ((image[3] == 255) | (image[:3].amax(dim=0) <= 200)).all()


def test_hue_and_grey_change_colours_and_not_their_place() -> None:
    colours = torch.zeros(3, 4, 4, dtype=torch.uint8)
    colours[0, :, :2], colours[2, :, 2:] = 200, 200
    torch.manual_seed(1)
    grey = build_colour(NOTHING.model_copy(update={"grey": 1.0}))(colours)
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[1], grey[2])
    hue = build_colour(NOTHING.model_copy(update={"hue": 0.5}))(colours)
    assert not torch.equal(hue, colours)
    assert torch.equal(hue[:, :, :2], hue[:, :1, :1].expand(3, 4, 2))


@pytest.mark.parametrize("upsampling", [2, 3])
def test_a_larger_mask_is_turned_and_zoomed_with_its_image(upsampling: int) -> None:
    image = torch.full((4, 64, 64), 100, dtype=torch.uint8)
    image[:3, 10:30, 25:50], image[3] = 200, 255  # off the middle, so that a wrong centre shows
    mask = (image[0] > 150).to(torch.uint8).repeat_interleave(upsampling, 0).repeat_interleave(upsampling, 1)
    params = NOTHING.model_copy(update={"rotation": 180.0, "zoom": 0.5})
    for seed in range(10):
        torch.manual_seed(seed)
        pixels, flags = build_geometry(params, UNKNOWN)(tv_tensors.Image(image), tv_tensors.Mask(mask))
        seen = pixels[3].repeat_interleave(upsampling, 0).repeat_interleave(upsampling, 1) == 255
        bright = pixels[0].repeat_interleave(upsampling, 0).repeat_interleave(upsampling, 1) > 150
        wrong = (bright != (flags == 1)) & seen & (flags != UNKNOWN)
        assert wrong.float().mean() < 0.03
