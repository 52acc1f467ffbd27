"""Samples: standardised by their frame, blank where unusable, a function of their draw alone."""

import numpy as np
import pytest
import torch

from sn7ml.core.schemas import TILES
from sn7ml.learn.dataset import Draw, Sample, TileDataset, TileLoader, draw_tiles, spread_tiles, standardise, targets
from sn7ml.scenes.store import TileStore
from tests.learn.toy import EVERYTHING, MONTHS, NOTHING, SHAPE, TARGET, picture_of, squares


def test_colours_are_in_deviations_from_their_mean_and_unusable_pixels_are_zero() -> None:
    pixels = torch.tensor([[[10, 30, 99]], [[0, 4, 99]], [[5, 5, 99]], [[255, 1, 0]]], dtype=torch.uint8)
    mean, std = np.array([20, 2, 5], np.float32), np.array([10, 2, 1], np.float32)
    wanted = torch.tensor([[[-1.0, 1.0, 0.0]], [[-1.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]])
    assert torch.equal(standardise(pixels, mean, std), wanted)


def test_bits_become_channels_and_unknown_becomes_invalid() -> None:
    channels, valid = targets(TARGET, torch.tensor([[[0, 1, 1 + 2, 1 + 4, 8, 4]]], dtype=torch.uint8))
    wanted = [[0, 1, 1, 1, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 1]]
    assert channels.squeeze().tolist() == wanted
    assert channels.dtype == torch.float32
    assert valid.squeeze().tolist() == [True, True, True, True, False, True]


def test_a_sample_is_the_window_of_the_picture_and_its_mask(store3: TileStore) -> None:
    dataset = TileDataset(store3, store3.tiles, NOTHING)
    buildings = squares(SHAPE)
    inside = np.zeros(SHAPE, bool)
    for polygon in buildings.values():
        left, top, right, bottom = (int(edge) for edge in polygon.bounds)
        inside[top:bottom, left:right] = True
    for number, tile in enumerate(store3.tiles.to_dict("records")):
        place = np.s_[tile["row"] : tile["row"] + 32, tile["col"] : tile["col"] + 32]
        picture = picture_of(SHAPE, buildings, 0 if tile["time"] == "2018-01" else 1).astype(np.float64)
        usable = picture[3] > 0
        mean = picture[:3, usable].mean(axis=1)[:, None, None]
        std = picture[:3, usable].std(axis=1)[:, None, None]
        sample = dataset[Draw(number, None)]
        wanted = np.where(usable, (picture[:3] - mean) / std, 0)[:, *place]
        np.testing.assert_allclose(sample.image.numpy(), wanted, atol=1e-4)
        flags = sample.flags.numpy()[1::3, 1::3]
        np.testing.assert_array_equal((flags & 1) > 0, inside[place])
        np.testing.assert_array_equal((flags & 8) > 0, ~usable[place])
        assert sample.flags.shape == (96, 96)


@pytest.mark.parametrize("upsampling", [1, 2, 4])
def test_masks_are_as_fine_as_they_are_asked_for(store3: TileStore, upsampling: int) -> None:
    whole = TileDataset(store3, store3.tiles, NOTHING)[Draw(0, None)]
    sample = TileDataset(store3, store3.tiles, NOTHING, upsampling)[Draw(0, None)]
    assert sample.flags.shape == (32 * upsampling, 32 * upsampling)
    assert torch.equal(sample.image, whole.image)
    # What holds the centre of an image pixel: the second of three, either middle one of an even number.
    middle = (upsampling - 1) // 2
    footprint = (sample.flags[middle::upsampling, middle::upsampling] & 1) > 0
    assert torch.equal(footprint, (whole.flags[1::3, 1::3] & 1) > 0)
    assert footprint.any()


def test_unusable_pixels_are_zero_after_every_augmentation(store: TileStore) -> None:
    corner = store.tiles[(store.tiles["row"] == 0) & (store.tiles["col"] == 0)]
    dataset = TileDataset(store, corner, EVERYTHING)
    for seed in range(10):
        sample = dataset[Draw(0, seed)]
        unknown = (sample.flags & 8) > 0
        assert unknown.sum() == 16
        assert sample.image[:, unknown].abs().max() == 0
        assert sample.image[:, ~unknown].abs().min() > 0


def test_a_mean_of_months_is_that_of_what_is_usable_under_the_mask_of_its_own(store: TileStore) -> None:
    dataset = TileDataset(store, store.tiles, NOTHING.model_copy(update={"months_around": 2}))
    rows = store.tiles.reset_index(drop=True)
    own = rows.index[(rows["time"] == MONTHS[0]) & (rows["row"] == 0) & (rows["col"] == 0)][0]
    other = rows.index[(rows["time"] == MONTHS[1]) & (rows["row"] == 0) & (rows["col"] == 0)][0]
    one, two = dataset[Draw(own, None)], dataset[Draw(other, None)]
    unknown = [(sample.flags & 8) > 0 for sample in (one, two)]
    mean = torch.where(unknown[1], one.image, (one.image + two.image) / 2)
    mean[:, unknown[0]] = 0
    samples = [dataset[Draw(own, seed)] for seed in range(20)]
    assert all(torch.equal(sample.flags, one.flags) for sample in samples)
    alone = [torch.allclose(sample.image, one.image) for sample in samples]
    together = [torch.allclose(sample.image, mean, atol=1e-6) for sample in samples]
    assert alone == [not both for both in together]
    assert 2 <= sum(alone) <= 12  # one in three expected


def test_image_and_mask_move_together(store: TileStore) -> None:
    dataset = TileDataset(store, store.tiles, NOTHING.model_copy(update={"flips": True, "quarter_turns": True}))
    places = set()
    for seed in range(10):
        sample = dataset[Draw(0, seed)]
        bright = sample.image[0] > 1
        assert torch.equal(bright, (sample.flags & 1) > 0)
        places.add(tuple(bright.flatten().tolist()))
    assert len(places) > 2


def test_a_sample_depends_on_its_seed_and_leaves_the_random_numbers_of_others_alone(store: TileStore) -> None:
    dataset = TileDataset(store, store.tiles, EVERYTHING)
    torch.manual_seed(3)
    one = dataset[Draw(2, 5)]
    after = torch.rand(())
    torch.manual_seed(3)
    assert torch.equal(torch.rand(()), after)
    assert torch.equal(dataset[Draw(2, 5)].image, one.image)
    assert not torch.equal(dataset[Draw(2, 6)].image, one.image)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'pin_memory' argument")
def test_loader_processes_change_no_sample(store: TileStore) -> None:
    draws = draw_tiles(store.tiles, 7, seed=1, power=0.5)
    plain = [dataset_sample(store, draw) for draw in draws]
    for workers in (0, 2):
        loader = TileLoader(TileDataset(store, store.tiles, EVERYTHING), batch_size=3, workers=workers)
        for _ in range(2):  # the second pass is the same workers'
            batches = list(loader.batches(draws))
            assert [len(batch.image) for batch in batches] == [3, 3, 1]
            assert torch.equal(torch.cat([batch.image for batch in batches]), torch.stack([s.image for s in plain]))
            assert torch.equal(torch.cat([batch.flags for batch in batches]), torch.stack([s.flags for s in plain]))


def dataset_sample(store: TileStore, draw: Draw) -> Sample:
    return TileDataset(store, store.tiles, EVERYTHING)[draw]


def test_built_up_tiles_are_drawn_more_often_and_empty_ones_too() -> None:
    tiles = TILES.empty().reindex(range(2)).assign(footprint_fraction=[0.0, 0.16])
    draws = draw_tiles(tiles, 6000, seed=1, power=0.5)
    assert share_of_built_up(draws) == pytest.approx((0.1 + 0.4) / (0.1 + 0.1 + 0.4), abs=0.02)
    assert len({draw.seed for draw in draws}) == 6000
    assert share_of_built_up(draw_tiles(tiles, 6000, seed=1, power=0)) == pytest.approx(0.5, abs=0.02)
    assert draw_tiles(tiles, 50, seed=1, power=0.5) != draw_tiles(tiles, 50, seed=2, power=0.5)


def share_of_built_up(draws: list[Draw]) -> float:
    return float(np.mean([draw.row for draw in draws]))


def test_validation_tiles_are_spread_over_the_table_without_augmentation() -> None:
    tiles = TILES.empty().reindex(range(9))
    assert spread_tiles(tiles, 3) == [Draw(0, None), Draw(4, None), Draw(8, None)]
    assert spread_tiles(tiles, 100) == [Draw(row, None) for row in range(9)]


def test_augmentation_that_is_not_enabled_leaves_a_drawn_tile_as_it_is(store: TileStore) -> None:
    off = TileDataset(store, store.tiles, EVERYTHING.model_copy(update={"enabled": False}))
    for seed in range(5):
        drawn, plain = off[Draw(0, seed)], off[Draw(0, None)]
        torch.testing.assert_close(drawn.image, plain.image)
        assert torch.equal(drawn.flags, plain.flags)
