"""A trained model in hand: where its package lies, what names it, how it is used."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.errors import ParamsError
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.learn import predict
from sn7ml.package_files import USAGE, read_config, read_usage
from sn7ml.params import ModelImages, Params, Usage, load_output, load_params


@dataclass(frozen=True)
class TrainedModel:
    """A trained model. Its weights are read when they are first needed."""

    asked: str
    """The address or folder as it was given."""

    resolved: str
    """What that is today: ``models:/sn7-buildings/3`` for an alias, the absolute path for a folder."""

    digest: str
    """Names the package by its content."""

    folder: Path
    """Where the package lies on this machine."""

    usage: Usage
    """Windows, precision and tracker: those it was scored with, or those that were given in their place."""

    @property
    def names(self) -> dict[str, str]:
        """What identifies the model, wherever its files lie."""
        return {"asked": self.asked, "resolved": self.resolved, "digest": self.digest}

    @cached_property
    def images(self) -> ModelImages | None:
        """What it learned from; None where no image had to be converted. Raises ModelError if that is damaged."""
        return read_config(self.folder).images

    @cached_property
    def predictor(self) -> "predict.Predictor":
        """The networks, on a GPU where there is one. Raises ModelError if the package is damaged."""
        return predict.load_predictor(self.folder, self.usage.predict)

    def predict_image(self, pixels: NDArray[np.uint8]) -> Probabilities:
        """Predict one image: uint8 (4, rows, cols), red, green, blue and alpha; alpha 0 is unusable."""
        return self.predictor.predict_image(pixels)


def choose_usage(package: Path, params: Params | Path | str | None = None, tracker: Path | str | None = None) -> Usage:
    """Return how the model of a package folder is to be used.

    A registered model says itself how it is used; the output of a training does not: there ``params.yaml`` in the
    current folder counts. Sections predict and output of ``params`` (or of such a file) are used instead of both, and
    so is section output of the file ``tracker``: ``build/tuning/best.yaml``. Raises ParamsError if neither the package
    nor a file says it.
    """
    try:
        usage = None if params else read_usage(package)
    except ParamsError as error:
        raise ParamsError(
            error.code,
            f"{error}; or give --params FILE (in Python, params=), which says in place of {USAGE} how it is used",
            error.faults,
        ) from None
    if usage is None:
        if not isinstance(params, Params):
            path = Path(params or "params.yaml")
            if not path.exists():
                raise ParamsError(
                    "package.no-usage",
                    f"{package} does not say how it is used, as registered models do, and there is no {path}: "
                    "give --params FILE (in Python, params=)",
                )
            params = load_params(path)
        usage = Usage(task=params.task, predict=params.predict, output=params.output)
    return usage.model_copy(update={"output": load_output(Path(tracker))}) if tracker else usage
