"""The training loop, top to bottom. Devices, precision and data movement are Lightning Fabric's; the rest is here."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader

from sn7ml.data.tiles import TileStore
from sn7ml.errors import ModelError, TableError
from sn7ml.learn.dataset import Sample, TileDataset, draw_rows, spread_rows, targets
from sn7ml.learn.losses import CombinedLoss
from sn7ml.learn.models import build_model
from sn7ml.learn.package import Package
from sn7ml.metrics.pixels import PixelCounts, count_pixels
from sn7ml.params import Recipe, TrainParams
from sn7ml.runtime.files import replacing

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


@dataclass
class Progress:
    """What a resumed training must know."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_iou: float = -1.0
    best_weights: dict[str, Tensor] = field(default_factory=dict)


def fit(
    recipe: Recipe,
    params: TrainParams,
    tiles: TileStore,
    on_epoch: OnEpoch = lambda _epoch, _metrics: None,
    checkpoint: Path | None = None,
) -> Fit:
    """Train a network on the store's training tiles.

    Parameters
    ----------
    recipe
        Network, loss, augmentation and optimiser.
    params
        How long, on how much.
    tiles
        Tiles of splits "train" and "validation".
    on_epoch
        Hook for progress, MLflow and pruning. After a resume it is called again for the epochs already done.
    checkpoint
        Where the state is kept after each epoch. If the file is there, and comes from the same recipe, params and
        tiles, training goes on from it and ends as if it had never stopped. The caller deletes it.

    Raises
    ------
    ModelError
        If the network cannot be built, or the loss is no number.
    TableError
        If there are no tiles to train or validate on.
    """
    torch.manual_seed(params.seed)
    fabric = Fabric(accelerator="auto", devices=1, precision=params.precision)
    train_rows, val_rows = _rows(tiles, "train"), spread_rows(_rows(tiles, "validation"), params.validation_tiles)
    network = build_model(recipe.model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        network.parameters(), recipe.optimiser.learning_rate, weight_decay=recipe.optimiser.weight_decay
    )
    steps = -(-params.tiles_per_epoch // params.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.optimiser.learning_rate, total_steps=steps * params.epochs
    )
    network, optimiser = fabric.setup(network, optimiser)
    loss = fabric.to_device(CombinedLoss(recipe.loss))
    state = {"network": network, "optimiser": optimiser, "schedule": schedule}
    progress = _resume(checkpoint, _key(recipe, params, tiles), state)
    for row in progress.rows:
        on_epoch(int(row["epoch"]), _without_epoch(row))

    for epoch in range(len(progress.rows) + 1, params.epochs + 1):
        if epoch - progress.best_epoch > params.patience:
            break
        seed = int(np.random.SeedSequence([params.seed, epoch]).generate_state(1)[0])
        torch.manual_seed(seed)
        rows = draw_rows(train_rows, params.tiles_per_epoch, seed)
        dataset = TileDataset(tiles, rows, tiles.tile_px, recipe.augmentation, seed)
        train_loss = _train_epoch(
            fabric, network, loss, (optimiser, schedule), _batches(dataset, params), tiles.upsampling
        )
        dataset = TileDataset(tiles, val_rows, tiles.tile_px, None, 0)
        val_loss, counts = validate(fabric, network, loss, _batches(dataset, params), tiles.upsampling)
        row = {
            "epoch": epoch,
            "train_loss": train_loss,
            "val_loss": val_loss,
            "val_iou": counts.iou,
            "val_f1": counts.f1,
        }
        row["lr"] = schedule.get_last_lr()[0]
        _note(progress, row, network)
        _save(checkpoint, _key(recipe, params, tiles), state, progress)
        on_epoch(epoch, _without_epoch(row))

    package = Package(recipe, tiles.upsampling, progress.best_weights)
    return Fit(package, pd.DataFrame(progress.rows).astype({"epoch": int}), progress.best_epoch)


def _train_epoch(
    fabric: Fabric,
    network: nn.Module,
    loss: nn.Module,
    stepper: tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR],
    batches: Iterator[Sample],
    upsampling: int,
) -> float:
    """One pass; return the mean loss per tile."""
    optimiser, schedule = stepper
    network.train()
    total, tiles = 0.0, 0
    for batch in batches:
        batch = fabric.to_device(batch)
        target_BKYX, valid_BYX = targets(batch.flags)
        value = loss(network(enlarge(batch.image, upsampling)), target_BKYX, valid_BYX)
        if not torch.isfinite(value):
            raise ModelError(f"the training loss became {value.item()}; lower optimiser.learning_rate")
        optimiser.zero_grad()
        fabric.backward(value)
        optimiser.step()
        schedule.step()
        total += value.item() * len(batch.image)
        tiles += len(batch.image)
    return total / tiles


@torch.no_grad()
def validate(
    fabric: Fabric, network: nn.Module, loss: nn.Module, batches: Iterator[Sample], upsampling: int
) -> tuple[float, PixelCounts]:
    """Return the mean loss per tile and the footprint's pixel counts at probability one half, over all tiles."""
    network.eval()
    counts = PixelCounts(0, 0, 0, 0)
    total, tiles = 0.0, 0
    for batch in batches:
        batch = fabric.to_device(batch)
        target_BKYX, valid_BYX = targets(batch.flags)
        logits_BKYX = network(enlarge(batch.image, upsampling))
        total += loss(logits_BKYX, target_BKYX, valid_BYX).item() * len(batch.image)
        tiles += len(batch.image)
        found, truth = logits_BKYX[:, 0] > 0, target_BKYX[:, 0] > 0
        counts += count_pixels(found.cpu().numpy(), truth.cpu().numpy(), valid_BYX.cpu().numpy())
    return total / tiles, counts


def enlarge(image_BCYX: Tensor, factor: int) -> Tensor:
    """Up-sample bilinearly and lay out channels last, which makes depthwise networks faster on a CPU."""
    if factor > 1:
        image_BCYX = interpolate(image_BCYX, scale_factor=factor, mode="bilinear", align_corners=False)
    return image_BCYX.contiguous(memory_format=torch.channels_last)


def _batches(dataset: TileDataset, params: TrainParams) -> Iterator[Sample]:
    """Batches in the dataset's own order."""
    loader = DataLoader(dataset, params.batch_size, num_workers=params.loader_workers, drop_last=False)
    return iter(loader)


def _rows(tiles: TileStore, split: str) -> pd.DataFrame:
    rows = tiles.tiles[(tiles.tiles["split"] == split) & tiles.tiles["labelled"]]
    if rows.empty:
        raise TableError(f"{tiles.folder}: no labelled tile in split {split!r}; see split and tiling in params.yaml")
    return rows


def _without_epoch(row: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "epoch"}


def _note(progress: Progress, row: dict[str, float], network: nn.Module) -> None:
    """Add an epoch; keep its weights if it is the best so far."""
    progress.rows.append(row)
    if row["val_iou"] > progress.best_iou:
        progress.best_iou, progress.best_epoch = row["val_iou"], int(row["epoch"])
        progress.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def _key(recipe: Recipe, params: TrainParams, tiles: TileStore) -> str:
    """Name what a checkpoint belongs to."""
    text = f"{recipe.model_dump_json()} {params.model_dump_json()} {tiles.digest()} {torch.__version__}"
    return hashlib.sha256(text.encode()).hexdigest()


def _save(path: Path | None, key: str, state: dict[str, Any], progress: Progress) -> None:
    if path is None:
        return
    content = {"key": key, "progress": vars(progress), **{name: part.state_dict() for name, part in state.items()}}
    with replacing(path) as temporary:
        torch.save(content, temporary)


def _resume(path: Path | None, key: str, state: dict[str, Any]) -> Progress:
    """Load a checkpoint into ``state`` if there is one and it belongs to this training."""
    if path is None or not path.is_file():
        return Progress()
    content = torch.load(path, map_location="cpu", weights_only=True)
    if content["key"] != key:
        return Progress()
    for name, part in state.items():
        part.load_state_dict(content[name])
    return Progress(**content["progress"])
