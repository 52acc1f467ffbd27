"""A trained model on disk: weights as safetensors (no pickle anywhere) and a YAML file that says what they are for.

Tensors are called ``0.encoder.conv_stem.weight``: the number of the network, then its own name for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sn7ml.data.model_files import CONFIG, WEIGHTS, no_package, read_config
from sn7ml.errors import ModelError
from sn7ml.learn.models import bare_model
from sn7ml.params import Recipe
from sn7ml.runtime.files import replacing, write_text


@dataclass(frozen=True)
class Package:
    """Everything that prediction needs."""

    recipe: Recipe
    """How it was built and trained."""

    upsampling: int
    """Output pixels per image pixel along each axis."""

    weights: tuple[dict[str, Tensor], ...]
    """The state of each network, on the CPU; one per fold, in their order."""

    def networks(self) -> list[nn.Module]:
        """Return the networks with these weights. Raises ModelError if they do not fit."""
        return [self._network(weights) for weights in self.weights]

    def _network(self, weights: dict[str, Tensor]) -> nn.Module:
        network = bare_model(self.recipe.model)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelError(f"weights do not fit {self.recipe.model}: {error!s:.300}") from None
        return network


def joined(packages: Sequence[Package]) -> Package:
    """Return one package of the networks of several that were trained by one recipe."""
    first = packages[0]
    return Package(first.recipe, first.upsampling, tuple(weights for one in packages for weights in one.weights))


def save_package(folder: Path, package: Package) -> None:
    """Write ``weights.safetensors`` and ``package.yaml``; the same package gives the same bytes."""
    tensors = {
        f"{number}.{name}": tensor.contiguous()
        for number, weights in enumerate(package.weights)
        for name, tensor in weights.items()
    }
    with replacing(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary)
    config = {"recipe": package.recipe.model_dump(mode="json"), "upsampling": package.upsampling}
    write_text(folder / CONFIG, yaml.safe_dump(config, sort_keys=True))


def load_package(folder: Path) -> Package:
    """Read what :func:`save_package` wrote.

    Raises
    ------
    ModelError
        If a file is missing or damaged.
    ParamsError
        If the recipe has unknown or missing keys.
    """
    recipe, upsampling = read_config(folder)
    try:
        tensors = load_file(folder / WEIGHTS)
        weights: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            number, _, name = key.partition(".")
            weights.setdefault(int(number), {})[name] = tensor
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise no_package(folder, error) from None
    return Package(recipe, upsampling, tuple(weights[number] for number in sorted(weights)))
