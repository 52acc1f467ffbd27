"""The state of a training on disk, so that a killed one goes on where it was."""

import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sn7ml.core.errors import ModelError
from sn7ml.core.runtime.files import replacing


@dataclass
class Progress:
    """How far a training has come."""

    rows: list[dict[str, float]] = field(default_factory=list)
    """A row of the history per epoch."""

    best_epoch: int = 0
    best_score: float = -math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def note(self, row: dict[str, float], network: nn.Module) -> None:
        """Add an epoch; keep a copy of its weights if it is the best so far (the first of equals)."""
        self.rows.append(row)
        if row["val_score"] > self.best_score:
            self.best_score, self.best_epoch = row["val_score"], int(row["epoch"])
            self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def save(path: Path, key: str, progress: Progress, parts: Mapping[str, Any]) -> None:
    """Write the progress and the ``state_dict`` of every part. A kill leaves the state before or after, whole.

    ``key`` names the training that the state belongs to.
    """
    states = {name: part.state_dict() for name, part in parts.items()}
    with replacing(path) as temporary:
        torch.save({"key": key, "progress": vars(progress), **states}, temporary)


def resume(path: Path, key: str, parts: Mapping[str, Any]) -> Progress:
    """Load the state into ``parts`` and return the progress; an empty one if there is no state of this training.

    Raises ModelError if the file cannot be read.
    """
    if not path.is_file():
        return Progress()
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content["key"] != key:
            return Progress()
        for name, part in parts.items():
            part.load_state_dict(content[name])
        return Progress(**content["progress"])
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise ModelError(
            "checkpoint.unreadable",
            f"{path}: is no checkpoint ({type(error).__name__}: {error!s:.200}); delete it to start over",
        ) from None
