"""Train the networks of a model and write its package."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sn7ml.core.runtime.files import write_text
from sn7ml.learn.fit import Plan, fit
from sn7ml.learn.package import joined, save_package
from sn7ml.package_files import HISTORY
from sn7ml.params import Params, recipe_of
from sn7ml.scenes.store import TileStore
from sn7ml.targets import target_of


@dataclass(frozen=True)
class Epoch:
    """An epoch that has ended. As text it is a line for a log.

    >>> print(Epoch(2, 4, 7, 30, {"train_loss": 0.31234, "val_score": 0.5}))
    network 2/4  epoch 7/30  train_loss 0.3123  val_score 0.5
    """

    network: int
    """From 1 to ``networks``."""

    networks: int
    epoch: int
    """From 1 to at most ``epochs``."""

    epochs: int
    metrics: Mapping[str, float]

    def __str__(self) -> str:
        which = f"network {self.network}/{self.networks}  " if self.networks > 1 else ""
        values = "  ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        return f"{which}epoch {self.epoch}/{self.epochs}  {values}"


def plan_of(params: Params) -> Plan:
    """Return what a network learns and how, as ``params.yaml`` itself says it, before any search."""
    return Plan(recipe_of(params), target_of(params.target), params.train)


def train(
    tiles: TileStore,
    plan: Plan,
    out: Path | str,
    *,
    networks: int = 1,
    on_epoch: Callable[[Epoch], None] = lambda _epoch: None,
    checkpoints: Path | str | None = None,
) -> pd.DataFrame:
    """Train networks for every fold, one after the other, and write the package of them all.

    The package in folder ``out`` (weights.safetensors, package.yaml and history.csv) holds the weights of each
    network's best epoch. The ``networks`` of a fold differ by seed only. Returns ``history.csv``, a row per network and
    epoch. Raises what :func:`sn7ml.learn.fit.fit` raises.

    ``on_epoch`` is called after each epoch, for progress (``print`` will do) and records; after a resume, first for the
    epochs that are done. ``checkpoints`` is a folder for the state after each epoch: a training that was killed goes on
    from there, and ends as if it had never stopped. The caller deletes the folder; None keeps no state.
    """
    count = tiles.folds * networks
    packages, histories = [], []
    for network in range(1, count + 1):

        def report(epoch: int, metrics: dict[str, float], network: int = network) -> None:
            on_epoch(Epoch(network, count, epoch, plan.params.epochs, metrics))

        checkpoint = Path(checkpoints) / f"train-{network}.pt" if checkpoints else None
        found = fit(plan, tiles, report, checkpoint, network)
        packages.append(found.package)
        histories.append(found.history.assign(network=network))
    save_package(Path(out), joined(packages, tiles.folds))
    history = pd.concat(histories, ignore_index=True)
    write_text(Path(out) / HISTORY, history.to_csv(index=False))
    return history
