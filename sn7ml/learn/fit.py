"""The training loop, top to bottom. Devices, precision and data movement are Lightning Fabric's; the rest is here.

Legend: B batch, C colour, K channel (footprint, boundary, contact), Y row, X column.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import interpolate

from sn7ml.core.errors import ModelError, TableError
from sn7ml.learn.checkpoint import checkpoint_for
from sn7ml.learn.dataset import Sample, TileDataset, TileLoader, draw_tiles, spread_tiles, targets
from sn7ml.learn.depthwise import exact_depthwise
from sn7ml.learn.losses import CombinedLoss
from sn7ml.learn.memory import keep_freed_memory
from sn7ml.learn.models import build_model, check_side
from sn7ml.learn.package import Package
from sn7ml.params import OptimiserParams, Recipe, TrainParams
from sn7ml.scenes.store import TileStore
from sn7ml.targets.pixels import PixelCounts, count_pixels

MOMENTUM = 0.9

OnEpoch = Callable[[int, dict[str, float]], None]
"""Called after each epoch (from 1) with train_loss, val_loss, val_iou, val_f1 and lr. May raise to stop (pruning)."""


@dataclass(frozen=True)
class Fit:
    """A finished training."""

    package: Package
    """With the weights of the best epoch by validation IoU."""

    history: pd.DataFrame
    """A row per epoch: epoch, train_loss, val_loss, val_iou, val_f1, lr."""

    best_epoch: int


def fit(
    recipe: Recipe,
    params: TrainParams,
    tiles: TileStore,
    on_epoch: OnEpoch = lambda _epoch, _metrics: None,
    checkpoint: Path | None = None,
    network: int = 1,
) -> Fit:
    """Train one network.

    Parameters
    ----------
    recipe
        Network, loss, augmentation and optimiser.
    params
        How long, on how much. Batches are whole: ``tiles_per_epoch`` is rounded up to a multiple of ``batch_size``.
    tiles
        What is learned and validated on.
    on_epoch
        Hook for progress, MLflow and pruning. After a resume it is called again for the epochs already done.
    checkpoint
        Where the state is kept after each epoch. If the file is there, and comes from the same recipe, params and
        tiles, training goes on from it and ends as if it had never stopped. The caller deletes it.
    network
        Its number, from 1, which decides its seed and its fold: it is validated on the tiles of this fold, and learns on those
        of the others and of split "train".

    Raises
    ------
    ModelError
        If the network cannot be built or cannot take the tiles, the loss is no number, or the checkpoint is damaged.
    TableError
        If there are no tiles to train or validate on.
    """
    first_seed, fold = params.seed + network - 1, tiles.fold_of(network)
    torch.manual_seed(first_seed)
    train_tiles, val_tiles = tiles.learned_by(fold), tiles.held_from(fold)
    if train_tiles.empty or val_tiles.empty:
        which = "learn" if train_tiles.empty else "be validated"
        raise TableError(
            "tiles.none-for-network",
            f"{tiles.folder}: no labelled tile for network {network} to {which} on; see split and tiling in params.yaml",
        )
    training = Training.start(recipe, params, tiles)
    train_batches = _loader(training, tiles, train_tiles, recipe, params)
    val_batches = _loader(training, tiles, val_tiles, recipe, params)
    state = checkpoint_for(checkpoint, recipe, params, tiles, network)
    progress = state.resume(training.parts)
    for done in progress.rows:
        on_epoch(int(done["epoch"]), _without_epoch(done))

    for epoch in range(len(progress.rows) + 1, params.epochs + 1):
        if epoch - progress.best_epoch > params.patience:
            break
        # An epoch's random numbers depend on nothing before it, so a resumed training draws the same.
        seed = int(np.random.SeedSequence([first_seed, epoch]).generate_state(1)[0])
        torch.manual_seed(seed)
        draws = draw_tiles(train_tiles, _steps(params) * params.batch_size, seed, params.built_up_power)
        row: dict[str, float] = {"epoch": epoch, "train_loss": training.train(train_batches.batches(draws))}
        row |= training.validate(val_batches.batches(spread_tiles(val_tiles, params.validation_tiles)))
        row["lr"] = training.rate
        progress.note(row, training.network)
        state.save(progress, training.parts)
        on_epoch(epoch, _without_epoch(row))

    package = Package(recipe, _upsampling(recipe, tiles), (progress.best_weights,))
    return Fit(package, pd.DataFrame(progress.rows).astype({"epoch": int}), progress.best_epoch)


@dataclass
class Training:
    """A network and what moves it."""

    fabric: Fabric
    network: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.OneCycleLR
    loss: nn.Module
    upsampling: int
    rate: float = 0.0
    """Learning rate of the last step."""

    @classmethod
    def start(cls, recipe: Recipe, params: TrainParams, tiles: TileStore) -> "Training":
        """Build everything from its names, on the device that Fabric finds."""
        fabric = Fabric(accelerator="auto", devices=1, precision=params.precision)
        network = build_model(recipe.model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        check_side(network, recipe.model, tiles.tile_px * _upsampling(recipe, tiles))
        if fabric.device.type == "cpu":
            exact_depthwise(network)
            keep_freed_memory()
        highest = recipe.optimiser.learning_rate
        optimiser = build_optimiser(network, recipe.optimiser)
        total = _steps(params) * params.epochs
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, highest, total_steps=total)
        network, optimiser = fabric.setup(network, optimiser)
        loss = fabric.to_device(CombinedLoss(recipe.loss))
        return cls(fabric, network, optimiser, schedule, loss, _upsampling(recipe, tiles))

    @property
    def parts(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {"network": self.network, "optimiser": self.optimiser, "schedule": self.schedule}

    def train(self, batches: Iterator[Sample]) -> float:
        """Take a step per batch; return the mean loss per tile."""
        self.network.train()
        total, count = 0.0, 0
        for batch in batches:
            value, _, _, _ = self._forward(batch)
            self.optimiser.zero_grad()
            self.fabric.backward(value)
            self.optimiser.step()
            self.rate = float(self.schedule.get_last_lr()[0])
            self.schedule.step()
            total += self._number(value, "training") * len(batch.image)
            count += len(batch.image)
        return total / count

    @torch.no_grad()
    def validate(self, batches: Iterator[Sample]) -> dict[str, float]:
        """Return val_loss, the mean per tile, and the footprint's val_iou and val_f1 at probability one half."""
        self.network.eval()
        total, count, pixels = 0.0, 0, PixelCounts()
        for batch in batches:
            value, logits_BKYX, target_BKYX, valid_BYX = self._forward(batch)
            total += self._number(value, "validation") * len(batch.image)
            count += len(batch.image)
            found, truth = logits_BKYX[:, 0] > 0, target_BKYX[:, 0] > 0
            pixels += count_pixels(found.cpu().numpy(), truth.cpu().numpy(), valid_BYX.cpu().numpy())
        return {"val_loss": total / count, "val_iou": pixels.iou, "val_f1": pixels.f1}

    def _forward(self, batch: Sample) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Loss, logits (B, K, Y, X), targets (B, K, Y, X) and valid (B, Y, X) of a batch."""
        batch = self.fabric.to_device(batch)
        target_BKYX, valid_BYX = targets(batch.flags)
        logits_BKYX = self.network(enlarge(batch.image, self.upsampling))
        return self.loss(logits_BKYX, target_BKYX, valid_BYX), logits_BKYX, target_BKYX, valid_BYX

    def _number(self, value: Tensor, which: str) -> float:
        number = value.item()
        if not math.isfinite(number):
            raise ModelError(
                "training.loss-not-finite", f"the {which} loss became {number}; lower optimiser.learning_rate"
            )
        return float(number)


def build_optimiser(network: nn.Module, params: OptimiserParams) -> torch.optim.Optimizer:
    """Return the optimiser of a network's weights; all have a momentum, which the one-cycle schedule moves too."""
    weights, rate, decay = network.parameters(), params.learning_rate, params.weight_decay
    match params.method:
        case "adamw":
            return torch.optim.AdamW(weights, rate, weight_decay=decay)
        case "nadam":
            return torch.optim.NAdam(weights, rate, weight_decay=decay, decoupled_weight_decay=True)
        case "sgd":
            return torch.optim.SGD(weights, rate, momentum=MOMENTUM, weight_decay=decay, nesterov=True)


def enlarge(image_BCYX: Tensor, factor: int) -> Tensor:
    """Up-sample bilinearly and lay out channels last, which makes depthwise networks faster on a CPU."""
    image_BCYX = image_BCYX.contiguous(memory_format=torch.channels_last)
    if factor == 1:
        return image_BCYX
    return interpolate(image_BCYX, scale_factor=factor, mode="bilinear", align_corners=False)


def _loader(
    training: Training, tiles: TileStore, rows: pd.DataFrame, recipe: Recipe, params: TrainParams
) -> TileLoader:
    dataset = TileDataset(tiles, rows, recipe.augmentation, recipe.model.upsampling)
    on_gpu = training.fabric.device.type == "cuda"
    return TileLoader(dataset, params.batch_size, params.loader_workers, pin_memory=on_gpu)


def _steps(params: TrainParams) -> int:
    """Optimiser steps per epoch."""
    return -(-params.tiles_per_epoch // params.batch_size)


def _upsampling(recipe: Recipe, tiles: TileStore) -> int:
    return recipe.model.upsampling or tiles.upsampling


def _without_epoch(row: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "epoch"}
