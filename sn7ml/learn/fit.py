"""The training loop, top to bottom. Devices, precision and data movement are Lightning Fabric's; the rest is here.

Legend: B batch, C colour, K channel of the target, Y row, X column.
"""

import ctypes
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import interpolate

from sn7ml.core.errors import ModelError, ParamsError, TableError
from sn7ml.learn.checkpoint import Progress, resume, save
from sn7ml.learn.dataset import Sample, TileDataset, TileLoader, draw_tiles, spread_tiles, targets
from sn7ml.learn.losses import ClassLoss, CombinedLoss
from sn7ml.learn.models import build_model, check_side, exact_depthwise, fixed_brightness
from sn7ml.learn.package import Package
from sn7ml.params import ModelImages, OptimiserParams, Recipe, TrainParams
from sn7ml.scenes.store import TileStore
from sn7ml.targets import Target

MOMENTUM = 0.9

SQUARE = 0.02
"""Pixels whose sides differ by less are square: on the ellipsoid those of web mercator differ by up to .7 %."""

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Names of glibc's settings for mallopt(3)."""

OnEpoch = Callable[[int, dict[str, float]], None]
"""Called after each epoch (from 1) with its row of ``Fit.history``, but for the epoch. May raise to stop (pruning)."""


@dataclass(frozen=True)
class Fit:
    """A finished training."""

    package: Package
    """With the weights of the best epoch by ``val_score``."""

    history: pd.DataFrame
    """A row per epoch: epoch, train_loss, val_loss, val_score, each pixel score of the target (val_iou, val_f1), lr."""

    best_epoch: int


@dataclass(frozen=True)
class Plan:
    """What a network learns, and how."""

    recipe: Recipe
    target: Target

    params: TrainParams
    """How long, on how much. Batches are whole: ``tiles_per_epoch`` is rounded up to a multiple of ``batch_size``."""

    @property
    def steps(self) -> int:
        """Optimiser steps per epoch."""
        return -(-self.params.tiles_per_epoch // self.params.batch_size)

    def upsampling(self, tiles: TileStore) -> int:
        """Output pixels per image pixel along each axis."""
        return self.recipe.model.upsampling or tiles.upsampling

    def digest(self, tiles: TileStore, network: int) -> str:
        """Name a training by everything that decides its weights, and the version of torch.

        How the target was drawn is in the tiles' digest.
        """
        how = self.params.model_dump_json(exclude={"loader_workers", "networks"})
        what = f"{self.target.kind} {self.target.channels} {tiles.digest()}"
        text = f"{self.recipe.model_dump_json()} {how} {what} {network} {torch.__version__}"
        return hashlib.sha256(text.encode()).hexdigest()


def fit(
    plan: Plan,
    tiles: TileStore,
    on_epoch: OnEpoch = lambda _epoch, _metrics: None,
    checkpoint: Path | None = None,
    network: int = 1,
) -> Fit:
    """Train one network.

    ``network`` is its number, from 1, which decides its seed and its fold: it is validated on the tiles of this fold,
    and learns on those of the others and of split "train".

    The state is kept in the file ``checkpoint`` after each epoch. If the file is there, and comes from the same plan
    and tiles, training goes on from it and ends as if it had never stopped; ``on_epoch`` is called again for the epochs
    already done. The caller deletes the file.

    Raises ModelError if the network cannot be built or cannot take the tiles, the loss is no number, or the checkpoint
    is damaged, TableError if there are no tiles to train or validate on, and ParamsError for augmentation that would
    make distances wrong.
    """
    _refuse_wrong_metres(plan, tiles.images)
    params = plan.params
    first_seed, fold = params.seed + network - 1, tiles.fold_of(network)
    torch.manual_seed(first_seed)
    train_tiles, val_tiles = tiles.learned_by(fold), tiles.held_from(fold)
    if train_tiles.empty or val_tiles.empty:
        what = "learn" if train_tiles.empty else "be validated"
        raise TableError(
            "tiles.none-for-network",
            f"{tiles.folder}: no labelled tile for network {network} to {what} on; see split and tiling in params.yaml",
        )
    training = Training(plan, tiles, fold)
    train_batches, val_batches = (training.loader(tiles, rows) for rows in (train_tiles, val_tiles))
    key = plan.digest(tiles, network)
    progress = resume(checkpoint, key, training.parts) if checkpoint else Progress()

    def tell(row: dict[str, float]) -> None:
        on_epoch(int(row["epoch"]), {name: value for name, value in row.items() if name != "epoch"})

    for done in progress.rows:
        tell(done)

    for epoch in range(len(progress.rows) + 1, params.epochs + 1):
        if epoch - progress.best_epoch > params.patience:
            break
        # An epoch's random numbers depend on nothing before it, so a resumed training draws the same.
        seed = int(np.random.SeedSequence([first_seed, epoch]).generate_state(1)[0])
        torch.manual_seed(seed)
        draws = draw_tiles(train_tiles, plan.steps * params.batch_size, seed, params.built_up_power)
        row: dict[str, float] = {"epoch": epoch, "train_loss": training.train(train_batches.batches(draws))}
        row |= training.validate(val_batches.batches(spread_tiles(val_tiles, params.validation_tiles)))
        row["lr"] = training.rate
        progress.note(row, training.network)
        if checkpoint:
            save(checkpoint, key, progress, training.parts)
        tell(row)

    target = plan.target
    package = Package(
        plan.recipe,
        target.channels,
        target.activation,
        plan.upsampling(tiles),
        (progress.best_weights,),
        images=tiles.images,
        unit_m=target.unit_m,
    )
    return Fit(package, pd.DataFrame(progress.rows).astype({"epoch": int}), progress.best_epoch)


def _refuse_wrong_metres(plan: Plan, images: ModelImages | None) -> None:
    """Raise ParamsError if distances in metres would be zoomed, or turned where pixels are not square on the ground."""
    augmentation = plan.recipe.augmentation.applied()
    if plan.target.unit_m is not None and augmentation.zoom:
        raise ParamsError(
            "augmentation.zoomed-metres",
            f"augmentation.zoom is {augmentation.zoom:g}, but the target is a distance in metres, which would be wrong "
            "in a larger or smaller picture; set it to 0",
        )
    if images is None or images.pixel_height_m is None or images.pixel_width_m is None:
        return
    if plan.target.unit_m is None or not (augmentation.quarter_turns or augmentation.rotation):
        return
    heights, widths = images.pixel_height_m, images.pixel_width_m
    if max(abs(height / width - 1) for height, width in zip(heights, widths, strict=True)) > SQUARE:
        raise ParamsError(
            "augmentation.turned-metres",
            f"augmentation.quarter_turns or rotation is on, but pixels are {heights[0]:.3g} m high and "
            f"{widths[0]:.3g} m wide: turned, the distances that are learned would be wrong; turn both off, or "
            "resample the images to square metres (gdalwarp -t_srs to a UTM zone)",
        )


class Training:
    """A network and what moves it, built from their names on the device that Fabric finds."""

    def __init__(self, plan: Plan, tiles: TileStore, fold: int = 1) -> None:
        recipe = plan.recipe
        self.plan, self.upsampling = plan, plan.upsampling(tiles)
        self.rate = 0.0  # of the last step
        self.fabric = Fabric(accelerator="auto", devices=1, precision=plan.params.precision)
        network = build_model(recipe.model, len(plan.target.channels))
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        check_side(network, recipe.model, tiles.tile_px * self.upsampling)
        if self.fabric.device.type == "cpu":
            exact_depthwise(network)
            keep_freed_memory()
        highest, total = recipe.optimiser.learning_rate, plan.steps * plan.params.epochs
        optimiser = build_optimiser(network, recipe.optimiser)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, highest, total_steps=total)
        self.network, self.optimiser = self.fabric.setup(network, optimiser)
        # What a checkpoint holds.
        self.parts = {"network": self.network, "optimiser": self.optimiser, "schedule": self.schedule}
        self.loss = self.fabric.to_device(build_loss(plan, tiles, fold))

    def loader(self, tiles: TileStore, rows: pd.DataFrame) -> TileLoader:
        """Return what reads these rows of ``tiles.tiles`` in batches."""
        augmentation, unknown = self.plan.recipe.augmentation, self.plan.target.unknown
        brightness = fixed_brightness(self.plan.recipe.model)
        dataset = TileDataset(tiles, rows, augmentation, self.upsampling, unknown=unknown, brightness=brightness)
        params, on_gpu = self.plan.params, self.fabric.device.type == "cuda"
        return TileLoader(dataset, params.batch_size, params.loader_workers, pin_memory=on_gpu)

    def train(self, batches: Iterator[Sample]) -> float:
        """Take a step per batch; return the mean loss per tile."""
        self.network.train()
        total, count = 0.0, 0
        for batch in batches:
            value, _ = self._forward(batch)
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
        """Return val_loss (the mean per tile), the target's pixel scores over all tiles, and the first as val_score."""
        self.network.eval()
        total, count, counts = 0.0, 0, []
        for batch in batches:
            value, logits_BKYX = self._forward(batch)
            total += self._number(value, "validation") * len(batch.image)
            count += len(batch.image)
            counts.append(self.plan.target.count(logits_BKYX.float().cpu().numpy(), batch.flags.cpu().numpy()))
        pixels = reduce(add, counts)
        scores = {f"val_{name}": float(getattr(pixels, name)) for name in self.plan.target.pixel_scores}
        return {"val_loss": total / count, "val_score": next(iter(scores.values())), **scores}

    def _forward(self, batch: Sample) -> tuple[Tensor, Tensor]:
        """Loss, and logits (B, K, Y, X), of a batch."""
        batch = self.fabric.to_device(batch)
        target_BKYX, valid_BYX = targets(self.plan.target, batch.flags)
        logits_BKYX = self.network(enlarge(batch.image, self.upsampling))
        return self.loss(logits_BKYX, target_BKYX, valid_BYX), logits_BKYX

    def _number(self, value: Tensor, which: str) -> float:
        number = value.item()
        if not math.isfinite(number):
            raise ModelError(
                "training.loss-not-finite", f"the {which} loss became {number}; lower optimiser.learning_rate"
            )
        return float(number)


def build_loss(plan: Plan, tiles: TileStore, fold: int) -> nn.Module:
    """Return the loss of a training from which a fold is held. Raises ModelError if it does not suit the target."""
    params, target = plan.recipe.loss, plan.target
    if target.activation != "softmax":
        return CombinedLoss(params, target)
    shares = class_shares(target, tiles, fold) if params.balance != "none" else []
    return ClassLoss(params, target, shares)


def class_shares(target: Target, tiles: TileStore, fold: int) -> list[float]:
    """Return each class's share of the known pixels that networks learn on from which ``fold`` is held."""
    counts = np.zeros(len(target.channels), np.int64)
    regions = tiles.regions[(tiles.regions["split"] != "test") & (tiles.regions["fold"] != fold)]
    for aoi, time, rows in tiles.frames.loc[tiles.frames["labelled"], ["aoi", "time", "rows"]].itertuples(index=False):
        for start, stop in regions.loc[regions["aoi"] == aoi, ["col_start", "col_stop"]].itertuples(index=False):
            planes = tiles.read_flags(aoi, time, (0, start), (rows, stop - start))
            counts += np.array([int(mask.sum()) for mask in target.truth(planes)])
    return [float(count) / max(int(counts.sum()), 1) for count in counts]


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


def keep_freed_memory() -> bool:
    """Make the allocator of this process keep what is freed; return False if it cannot.

    By default glibc gets each large tensor from the kernel, which fills it with zeros page by page at first touch, and
    hands it back at the end of the step: a tenth of a training's time. What a process held at its peak it now holds
    until it ends. Other systems' allocators know no such setting; there nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # musl has the function too, for nothing, and says 0.
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def enlarge(image_BCYX: Tensor, factor: int) -> Tensor:
    """Up-sample bilinearly and lay out channels last, which makes depthwise networks faster on a CPU."""
    image_BCYX = image_BCYX.contiguous(memory_format=torch.channels_last)
    if factor == 1:
        return image_BCYX
    return interpolate(image_BCYX, scale_factor=factor, mode="bilinear", align_corners=False)
