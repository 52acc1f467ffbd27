"""Tiles for training: drawn, read, augmented, standardised. Every sample is a function of (seed, epoch, place)."""

import sn7ml.learn.operators

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors

from sn7ml.data.tiles import TileStore
from sn7ml.geo.masks import BOUNDARY_BIT, CONTACT_BIT, FOOTPRINT_BIT, UNKNOWN_BIT
from sn7ml.learn.augment import add_noise, build_colour, build_geometry
from sn7ml.params import AugmentationParams

BITS = (FOOTPRINT_BIT, BOUNDARY_BIT, CONTACT_BIT)


class Sample(NamedTuple):
    """One tile, or a batch of them with a leading axis."""

    image: Tensor
    """float32 (3, rows, cols), standardised by the frame; 0 where unusable."""

    flags: Tensor
    """uint8 (rows * upsampling, cols * upsampling), bits of ``sn7ml.geo.masks``."""


def standardise(pixels: Tensor, mean: NDArray[np.float32], std: NDArray[np.float32]) -> Tensor:
    """Bring uint8 RGBA (4, rows, cols) to the form the network knows: float32 (3, rows, cols), unusable pixels 0."""
    colours = (pixels[:3].float() - torch.from_numpy(mean)[:, None, None]) / torch.from_numpy(std)[:, None, None]
    return torch.where(pixels[3:] > 0, colours, 0.0)


def targets(flags: Tensor) -> tuple[Tensor, Tensor]:
    """Split mask bits uint8 (batch, rows, cols) into float targets (batch, 3, rows, cols) and bool valid (batch, rows, cols)."""
    channels = torch.stack([(flags & bit) > 0 for bit in BITS], dim=1)
    return channels.float(), (flags & UNKNOWN_BIT) == 0


class TileDataset(Dataset[Sample]):
    """Tiles of a store, in the order of ``rows``.

    Parameters
    ----------
    store
        Where tiles are read.
    rows
        Part of ``store.tiles``.
    size_px
        Side of a tile.
    augmentation
        None reads tiles as they are.
    seed
        With the index, decides the augmentation of a sample; give another one to each epoch.
    """

    def __init__(
        self, store: TileStore, rows: pd.DataFrame, size_px: int, augmentation: AugmentationParams | None, seed: int
    ) -> None:
        self.store = store
        self.rows = rows[["aoi", "month", "row", "col"]].to_records(index=False).tolist()
        self.size_px = size_px
        self.augmentation = augmentation
        self.seed = seed
        if augmentation is not None:
            self.geometry, self.colour = build_geometry(augmentation), build_colour(augmentation)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        aoi, month, row, col = self.rows[index]
        pixels = torch.from_numpy(self.store.read_pixels(aoi, month, (row, col), self.size_px))
        flags = torch.from_numpy(self.store.read_flags(aoi, month, (row, col), (self.size_px, self.size_px)))
        mean, std = self.store.statistics[aoi, month]
        if self.augmentation is None:
            return Sample(standardise(pixels, mean, std), flags)
        # Its own random numbers: the same sample whatever the number of loader processes, or after a resume.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.SeedSequence([self.seed, index]).generate_state(1)[0]))
            return self._augmented(pixels, flags, mean, std, self.augmentation)

    def _augmented(
        self,
        pixels: Tensor,
        flags: Tensor,
        mean: NDArray[np.float32],
        std: NDArray[np.float32],
        params: AugmentationParams,
    ) -> Sample:
        image, mask = self.geometry(tv_tensors.Image(pixels), tv_tensors.Mask(flags))
        colours = self.colour(tv_tensors.Image(image[:3])).as_subclass(Tensor)
        pixels = torch.cat([colours, image.as_subclass(Tensor)[3:]])
        return Sample(add_noise(standardise(pixels, mean, std), params), mask.as_subclass(Tensor).contiguous())


def draw_rows(tiles: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Draw ``count`` training tiles with replacement, built-up ones more often.

    A tile's chance grows with the square root of its built-up share, with a floor so that empty ground is seen too.
    """
    weights = 0.1 + np.sqrt(tiles["footprint_fraction"].to_numpy())
    chosen = np.random.default_rng(seed).choice(len(tiles), size=count, p=weights / weights.sum())
    return tiles.iloc[chosen]


def spread_rows(tiles: pd.DataFrame, count: int) -> pd.DataFrame:
    """Take ``count`` tiles at even steps through the table (all if there are fewer)."""
    if len(tiles) <= count:
        return tiles
    return tiles.iloc[np.linspace(0, len(tiles) - 1, count).round().astype(int)]
