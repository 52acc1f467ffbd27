"""Where a run comes from: commit, data, versions, as MLflow tags."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sn7ml.core.safe_files import read_yaml

UNKNOWN = "unknown"

LIBRARIES = ("sn7ml", "torch", "segmentation-models-pytorch", "mlflow", "optuna")


def provenance(folder: Path = Path()) -> dict[str, str]:
    """Return tags that say which code and data a run used.

    ``folder`` is a checkout of the project. What cannot be found out (no git, no ``data.dvc``) is "unknown", never
    left out, so that a filter on the tag finds those runs too; only ``dvc.exp_name`` is missing outside `dvc exp run`.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    # dvc.lock apart: DVC rewrites it after every stage, so it says nothing about the code or the params that ran.
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)dvc.lock")
    tags = {
        "git.commit": commit,
        "git.dirty": changed if changed == UNKNOWN else str(bool(changed)).lower(),
        "dvc.data_md5": data_md5(folder),
        "version.python": platform.python_version(),
    }
    for name in LIBRARIES:
        try:
            tags[f"version.{name}"] = version(name)
        except PackageNotFoundError:
            tags[f"version.{name}"] = UNKNOWN
    if commit != UNKNOWN:
        tags["mlflow.source.git.commit"] = commit  # MLflow's own column
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc.exp_name"] = experiment
    return tags


def data_md5(folder: Path = Path()) -> str:
    """Return the hash that ``data.dvc`` holds of the data, "unknown" where there is no such file."""
    try:
        content: Any = read_yaml(folder / "data.dvc")
        return str(content["outs"][0]["md5"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return UNKNOWN


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return done.stdout.strip()
