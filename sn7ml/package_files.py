"""A model package as files: what they are called, what names one, and its recipe, all without loading torch."""

import hashlib
import math
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import pandas as pd
import yaml

from sn7ml.core.errors import ModelError, ParamsError
from sn7ml.core.runtime.files import write_text
from sn7ml.core.safe_files import open_regular, read_yaml
from sn7ml.params import Activation, ModelImages, Recipe, RimsParams, Usage, parse

WEIGHTS, CONFIG, HISTORY = "weights.safetensors", "package.yaml", "history.csv"

MOST_WEIGHT_BYTES = 2**32
"""Of all networks of a package; the largest so far have 20 MB each."""

MOST_UPSAMPLING = 8
"""As in ``tiling.upsampling``."""

MOST_CHANNELS, MOST_NAME = 256, 64
"""Output channels of a network, and characters of the name of one."""

USAGE = "usage.yaml"
"""Only in a registered package: training does not know yet how its networks will be used."""

DATA_PROFILE = "looks.json"
"""Only in a registered package: what its training frames looked like, a ``DataProfile`` of ``sn7ml.validation.drift``.
It changes no prediction, so it is not part of what names a package."""

Part = TypeVar("Part", Recipe, Usage, ModelImages)


def package_digest(folder: Path) -> str:
    """Return 16 hexadecimal digits that name a package by its content: recipe, weights, and usage if it holds one.

    Raises ModelError if the weights or the recipe are missing.
    """
    content = hashlib.sha256()
    try:
        for name in (CONFIG, WEIGHTS, *([USAGE] if (folder / USAGE).exists() else [])):
            with open_regular(folder / name, MOST_WEIGHT_BYTES) as file:
                hashlib.file_digest(file, lambda: content)  # continues the same digest
    except OSError as error:
        raise no_package(folder, error) from None
    return content.hexdigest()[:16]


class PackageConfig(NamedTuple):
    """What a package says of its networks."""

    recipe: Recipe

    channels: tuple[str, ...]
    """See ``Package``; SpaceNet 7's in packages from before there were others."""

    activation: Activation

    upsampling: int
    """1 to ``MOST_UPSAMPLING``."""

    folds: int | None
    """See ``Package``; None in packages from before they could hold more than one network per fold."""

    images: ModelImages | None
    """None where no image had to be converted, as in SpaceNet 7."""

    unit_m: float | None
    """Metres of a signed distance of 1; None where channels are probabilities."""


def read_config(folder: Path) -> PackageConfig:
    """Read what a package says of its networks. Raises ModelError or ParamsError."""
    path = folder / CONFIG
    try:
        config = read_yaml(path)
        recipe, upsampling, folds = config["recipe"], config["upsampling"], config.get("folds")
        channels = config.get("channels", list(RimsParams.channels))
        activation = config.get("activation", "sigmoid")
        images, unit_m = config.get("images"), config.get("unit_m")
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise no_package(folder, error) from None
    if type(upsampling) is not int or not 1 <= upsampling <= MOST_UPSAMPLING:  # true is an int to isinstance
        raise ModelError(
            "package.upsampling",
            f"{path}: upsampling must be at least 1 and at most {MOST_UPSAMPLING}, got {upsampling!r:.80}",
        )
    if folds is not None and (type(folds) is not int or folds < 1):
        raise ModelError("package.folds", f"{path}: folds must be a number from 1 on, got {folds!r:.80}")
    names = channels if isinstance(channels, list) else []
    printable = all(isinstance(it, str) and 1 <= len(it) <= MOST_NAME and it.isprintable() for it in names)
    if not (printable and 1 <= len(set(names)) == len(names) <= MOST_CHANNELS):
        raise ModelError(
            "package.channels",
            f"{path}: channels must be 1 to {MOST_CHANNELS} different names of 1 to {MOST_NAME} printable characters, "
            f"got {channels!r:.80}",
        )
    if activation not in get_args(Activation):
        raise ModelError(
            "package.activation", f"{path}: activation must be one of {get_args(Activation)}, got {activation!r:.80}"
        )
    has_unit = type(unit_m) in (int, float) and 0 < unit_m < math.inf
    if has_unit != (activation == "distance"):
        raise ModelError(
            "package.unit",
            f"{path}: unit_m must be metres above 0 if the activation is distance, and absent otherwise, "
            f"got {unit_m!r:.80} with {activation}",
        )
    return PackageConfig(
        _parsed(Recipe, _with_channels(recipe), path),
        tuple(channels),
        activation,
        upsampling,
        folds,
        None if images is None else _parsed(ModelImages, images, path),
        unit_m,
    )


def _with_channels(recipe: Any) -> Any:
    """Return a recipe with ``loss.channels``: older packages have ``loss.footprint`` and so on."""
    loss = recipe.get("loss") if isinstance(recipe, dict) else None
    if not isinstance(loss, dict) or "channels" in loss:
        return recipe
    weights = {name: loss[name] for name in RimsParams.channels if name in loss}
    terms = {name: weight for name, weight in loss.items() if name not in weights}
    return recipe | {"loss": terms | {"channels": weights}}


def read_history(folder: Path) -> pd.DataFrame:
    """Read how a package was trained: a row per epoch with ``network`` (from 1), ``epoch``, ``val_score`` and more."""
    # Older packages call the first column fold, or compared epochs by val_iou.
    history = pd.read_csv(folder / HISTORY).rename(columns={"fold": "network"})
    return history if "val_score" in history else history.assign(val_score=history["val_iou"])


def write_usage(folder: Path, usage: Usage) -> None:
    """Add to a package how it is to be used; the same usage gives the same bytes."""
    write_text(folder / USAGE, yaml.safe_dump(usage.model_dump(mode="json"), sort_keys=True))


def read_usage(folder: Path) -> Usage | None:
    """Read how a package is to be used; None if it does not say. Raises ModelError or ParamsError."""
    path = folder / USAGE
    try:
        return _parsed(Usage, read_yaml(path), path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise no_package(folder, error) from None


def _parsed(model: type[Part], content: Any, path: Path) -> Part:
    """As :func:`parse`, but nobody is told to add a key to the files of a model."""
    try:
        return parse(model, content, str(path))
    except ParamsError as error:
        raise ParamsError(
            "package.other-version",
            f"{error}\nThe model was made by another version of sn7ml, or changed by hand; train it again",
            [error],
        ) from None


def no_package(folder: Path, error: Exception) -> ModelError:
    """Return the error to raise where a package is not whole."""
    return ModelError(
        "package.unreadable",
        f"{folder}: no whole model package ({type(error).__name__}: {error!s:.200}); run `dvc repro train`",
    )
