"""A trained model on disk: weights as safetensors (no pickle anywhere) and a YAML file that says what they are for."""

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

    weights: dict[str, Tensor]
    """The network's state, on the CPU."""

    def network(self) -> nn.Module:
        """Return the network with these weights. Raises ModelError if they do not fit it."""
        network = bare_model(self.recipe.model)
        try:
            network.load_state_dict(self.weights)
        except RuntimeError as error:
            raise ModelError(f"weights do not fit {self.recipe.model}: {error!s:.300}") from None
        return network


def save_package(folder: Path, package: Package) -> None:
    """Write ``weights.safetensors`` and ``package.yaml``; the same package gives the same bytes."""
    with replacing(folder / WEIGHTS) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in package.weights.items()}, temporary)
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
        return Package(recipe, upsampling, load_file(folder / WEIGHTS))
    except (OSError, safetensors.SafetensorError) as error:
        raise no_package(folder, error) from None
