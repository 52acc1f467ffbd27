"""A trained model on disk: weights as safetensors (no pickle anywhere) and a YAML file that says what they are for.

Tensors are called ``0.encoder.conv_stem.weight``: the number of the network, then its own name for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sn7ml.core.errors import ModelError
from sn7ml.core.runtime.files import replacing, write_text
from sn7ml.core.safe_files import require_regular
from sn7ml.learn.models import bare_model
from sn7ml.package_files import CONFIG, MOST_WEIGHT_BYTES, WEIGHTS, no_package, read_config
from sn7ml.params import Activation, ModelImages, ModelParams, Recipe


@dataclass(frozen=True)
class Package:
    """Everything that prediction needs."""

    recipe: Recipe
    channels: tuple[str, ...]
    """What the networks' output channels are, in order: the target's."""

    activation: Activation
    """What turns their output into what is predicted."""

    upsampling: int
    """Output pixels per image pixel along each axis."""

    weights: tuple[dict[str, Tensor], ...]
    """The state of each network, on the CPU. They take the folds in turn."""

    folds: int = 1
    """The first network has not seen fold 1, the next not fold 2, and so on; after the last fold it begins anew."""

    images: ModelImages | None = None
    """What they learned from; None where no image had to be converted."""

    unit_m: float | None = None
    """Metres of a signed distance of 1; None where channels are probabilities."""

    def networks(self) -> list[nn.Module]:
        """Return the networks with these weights. Raises ModelError if they do not fit."""
        networks = [bare_model(self.recipe.model, len(self.channels)) for _ in self.weights]
        try:
            for network, weights in zip(networks, self.weights, strict=True):
                network.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelError(
                "package.weights-misfit", f"weights do not fit {self.recipe.model}: {error!s:.300}"
            ) from None
        return networks


def joined(packages: Sequence[Package], folds: int) -> Package:
    """Return one package of the networks of several, all of one recipe, from which the folds were held in turn."""
    weights = tuple(weights for one in packages for weights in one.weights)
    return replace(packages[0], weights=weights, folds=folds)


def save_package(folder: Path, package: Package) -> None:
    """Write ``weights.safetensors`` and ``package.yaml``; the same package gives the same bytes.

    Raises ModelError if the weights cannot be written, and OSError if the rest cannot.
    """
    tensors = {
        f"{number}.{name}": tensor.contiguous()
        for number, weights in enumerate(package.weights)
        for name, tensor in weights.items()
    }
    with replacing(folder / WEIGHTS) as temporary:
        try:
            save_file(tensors, temporary)
        except safetensors.SafetensorError as error:  # its name for a full disk, among others
            raise ModelError("package.cannot-write", f"{folder / WEIGHTS}: cannot be written ({error})") from None
    config: dict[str, Any] = {
        "recipe": package.recipe.model_dump(mode="json"),
        "channels": list(package.channels),
        "activation": package.activation,
        "upsampling": package.upsampling,
        "folds": package.folds,
    }
    if package.images:
        config["images"] = package.images.model_dump(mode="json")
    if package.unit_m:
        config["unit_m"] = package.unit_m
    write_text(folder / CONFIG, yaml.safe_dump(config, sort_keys=True))


def load_package(folder: Path) -> Package:
    """Read what :func:`save_package` wrote.

    Raises ModelError if a file is missing or damaged, or the weights are not those of the recipe's network, and
    ParamsError if the recipe has unknown or missing keys.
    """
    config = read_config(folder)
    try:
        require_regular(folder / WEIGHTS, MOST_WEIGHT_BYTES)
        weights = _by_network(load_file(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, RuntimeError, safetensors.SafetensorError) as error:
        raise no_package(folder, error) from None
    _refuse_other_network(config.recipe.model, len(config.channels), weights, folder)
    folds = config.folds or len(weights)
    return Package(
        config.recipe,
        config.channels,
        config.activation,
        config.upsampling,
        weights,
        folds,
        config.images,
        config.unit_m,
    )


def _by_network(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], ...]:
    """Return the tensors of each network by their own names. Raises ValueError."""
    weights: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"tensor {key!r:.80} holds a number that is not finite")
        weights.setdefault(number, {})[name] = tensor
    numbers = [str(number) for number in range(len(weights))]
    if not weights or set(weights) != set(numbers):
        raise ValueError(f"expected tensors of networks 0, 1, …, got those of {sorted(weights)!s:.80}")
    return tuple(weights[number] for number in numbers)


def _refuse_other_network(
    model: ModelParams, channels: int, networks: Sequence[Mapping[str, Tensor]], folder: Path
) -> None:
    """Raise ModelError if the weights are not of this model, before that takes any memory.

    A recipe is a few lines, and can name a network of 30 GB.
    """
    try:
        with torch.device("meta"):
            wanted = {name: tensor.shape for name, tensor in bare_model(model, channels).state_dict().items()}
    except ModelError:
        return  # unknown, or of the few that need true tensors to be built: Package.networks will say
    for number, weights in enumerate(networks):
        if wanted != {name: tensor.shape for name, tensor in weights.items()}:
            raise ModelError(
                "package.weights-misfit",
                f"{folder}: weights do not fit {model}: network {number} has {len(weights)} tensors, which are not the "
                f"{len(wanted)} of that model",
            )
