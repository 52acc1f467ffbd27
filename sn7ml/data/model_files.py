"""A model package as files: what they are called, what names one, and its recipe, all without loading torch."""

import hashlib
from pathlib import Path

import yaml

from sn7ml.errors import ModelError
from sn7ml.params import Recipe, parse

WEIGHTS, CONFIG, HISTORY = "weights.safetensors", "package.yaml", "history.csv"


def package_digest(folder: Path) -> str:
    """Return 16 hexadecimal digits that name a package by its content.

    Raises
    ------
    ModelError
        If the weights or the recipe are missing.
    """
    content = hashlib.sha256()
    try:
        for name in (CONFIG, WEIGHTS):
            content.update((folder / name).read_bytes())
    except OSError as error:
        raise ModelError(f"{folder} is no model package: {error}; run `dvc repro train`") from None
    return content.hexdigest()[:16]


def read_config(folder: Path) -> tuple[Recipe, int]:
    """Read the recipe of a package and its up-sampling factor. Raises ModelError or ParamsError."""
    path = folder / CONFIG
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        recipe, upsampling = config["recipe"], int(config["upsampling"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: no model package ({type(error).__name__}: {error}); run `dvc repro train`") from None
    return parse(Recipe, recipe, str(path)), upsampling
