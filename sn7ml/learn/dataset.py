"""Tiles for training: drawn, read, augmented, standardised. Every sample is a function of its draw alone."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors

from sn7ml.core.geo.grid import nearest_pixels
from sn7ml.core.geo.radiometry import Brightness
from sn7ml.learn.augment import build_colour, build_geometry, disturb
from sn7ml.params import AugmentationParams
from sn7ml.scenes.store import TileStore
from sn7ml.targets import Target

RARE_FLOOR = 0.1
"""Added to the power of a tile's built-up share, so that empty ground is drawn too."""


class Sample(NamedTuple):
    """One tile, or a batch of them with a leading axis."""

    image: Tensor
    """float32 (3, rows, cols), standardised by the frame; 0 where unusable."""

    flags: Tensor
    """uint8 (rows * upsampling, cols * upsampling), the target's planes."""


class Draw(NamedTuple):
    """One tile, and how it is augmented."""

    row: int
    """Position in the dataset's table."""

    seed: int | None
    """Decides the augmentation; None takes the tile as it is."""


def standardise(pixels: Tensor, mean: NDArray[np.float32], std: NDArray[np.float32]) -> Tensor:
    """Bring uint8 RGBA (4, rows, cols) to the form the network knows: float32 (3, rows, cols), unusable pixels 0."""
    return torch.where(pixels[3:] > 0, _scaled(pixels[:3], mean, std), 0.0)


def _scaled(colours: Tensor, mean: NDArray[np.float32], std: NDArray[np.float32]) -> Tensor:
    return (colours.float() - torch.from_numpy(mean)[:, None, None]) / torch.from_numpy(std)[:, None, None]


def targets(target: Target, planes: Tensor) -> tuple[Tensor, Tensor]:
    """Turn planes uint8 (batch, rows, cols) into float (batch, channel, rows, cols), and bool where they are known."""
    return torch.stack(list(target.truth(planes)), dim=1).float(), target.known(planes)


class TileDataset(Dataset[Sample]):
    """Tiles of a store, asked for by ``Draw``.

    ``rows`` is part of ``store.tiles``. Tiles that are drawn with a seed are augmented. ``upsampling`` is how fine
    masks are given; None gives them as the store has them. ``unknown`` is the byte of a mask beyond the tile.
    ``brightness`` is that by which all images are standardised; None takes that of each.
    """

    def __init__(
        self,
        store: TileStore,
        rows: pd.DataFrame,
        augmentation: AugmentationParams,
        upsampling: int | None = None,
        *,
        unknown: int = 255,
        brightness: Brightness | None = None,
    ) -> None:
        self.store = store
        self.upsampling = upsampling or store.upsampling
        self.brightness = brightness
        self.rows = rows[["aoi", "time", "row", "col"]].to_records(index=False).tolist()
        self.augmentation = augmentation = augmentation.applied()
        self.months = {aoi: store.months(aoi) for aoi in rows["aoi"].unique()}
        self.geometry, self.colour = build_geometry(augmentation, unknown), build_colour(augmentation)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> Sample:
        aoi, month, row, col = self.rows[draw.row]
        side = self.store.tile_px
        planes = self.store.read_flags(aoi, month, (row, col), (side, side))
        if self.upsampling != self.store.upsampling:
            nearest = nearest_pixels(side * self.upsampling, self.store.upsampling, self.upsampling)
            planes = planes[nearest[:, None], nearest]
        flags = torch.from_numpy(planes)
        if draw.seed is None:
            pixels = torch.from_numpy(self.store.read_pixels(aoi, month, (row, col), side))
            return Sample(standardise(pixels, *(self.brightness or self.store.statistics[aoi, month])), flags)
        # Its own random numbers: the same sample whatever the number of loader processes, or after a resume.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(draw.seed)
            # This month and equally many, of random number, before and after it, as far as there are any.
            around, place = self.augmentation.months_around, self.months[aoi].index(month)
            reach = int(torch.randint(around + 1, ())) if around else 0
            months = self.months[aoi][max(place - reach, 0) : place + reach + 1]
            stack = np.stack([self.store.read_pixels(aoi, one, (row, col), side) for one in months])
            image, mask = self.geometry(tv_tensors.Image(torch.from_numpy(stack)), tv_tensors.Mask(flags))
            image, flags = image.as_subclass(Tensor), mask.as_subclass(Tensor).contiguous()
            usable = image[:, 3:] > 0
            # Each month is standardised by its own frame; then the mean of what is usable, (3, rows, cols).
            statistics = [self.brightness or self.store.statistics[aoi, one] for one in months]
            pairs = zip(self.colour(image[:, :3]), statistics, strict=True)
            scaled = torch.where(usable, torch.stack([_scaled(colours, *own) for colours, own in pairs]), 0.0)
            mean = scaled.sum(dim=0) / usable.sum(dim=0).clamp(min=1)
            return Sample(torch.where(usable[months.index(month)], disturb(mean, self.augmentation), 0.0), flags)


class TileLoader:
    """Batches of tiles, read ahead by ``workers`` processes that live as long as this object; 0 reads in this process.

    Workers are spawned: a forked child would share the parent's open files and their positions.
    """

    def __init__(self, dataset: TileDataset, batch_size: int, workers: int, pin_memory: bool = False) -> None:
        self.batch_size = batch_size
        self._plan: list[list[Draw]] = []
        self._loader: DataLoader[Sample] = DataLoader(
            dataset,
            batch_sampler=self._plan,
            num_workers=workers,
            persistent_workers=workers > 0,
            multiprocessing_context="spawn" if workers else None,
            pin_memory=pin_memory,
        )

    def batches(self, draws: list[Draw]) -> Iterator[Sample]:
        """Read these tiles in this order; the last batch may be smaller."""
        self._plan[:] = [draws[first : first + self.batch_size] for first in range(0, len(draws), self.batch_size)]
        return iter(self._loader)


def draw_tiles(tiles: pd.DataFrame, count: int, seed: int, power: float) -> list[Draw]:
    """Draw ``count`` rows of a ``TILES`` table with replacement; each with a seed of its own.

    A tile's chance grows with this power of its built-up share (0: all alike), from a floor for empty ground.
    """
    weights = RARE_FLOOR + tiles["footprint_fraction"].to_numpy() ** power
    chosen = np.random.default_rng(seed).choice(len(tiles), size=count, p=weights / weights.sum())
    seeds = np.random.SeedSequence(seed).generate_state(count)
    return [Draw(int(row), int(own)) for row, own in zip(chosen, seeds, strict=True)]


def spread_tiles(tiles: pd.DataFrame, count: int) -> list[Draw]:
    """Take ``count`` rows at even steps through the table (all if there are fewer), without augmentation."""
    places = np.linspace(0, len(tiles) - 1, min(count, len(tiles))).round().astype(int)
    return [Draw(int(row), None) for row in places]
