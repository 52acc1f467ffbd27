"""The registered model, as MLflow loads it: code and a package folder, no pickle.

MLflow runs this file (models from code); it is not imported by anything else. Torch is loaded with the model and not
before, since MLflow also runs the file when a model is registered.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from numpy.typing import NDArray

ARTIFACT = "package"
"""Name of the artifact that holds the package folder."""

WINDOWS = {
    "splits": ("test",),
    "tile_px": 128,
    "overlap_px": 32,
    "batch_size": 4,
    "flips": False,
    "adaptation": 0.0,
    "precision": "32-true",
}
"""How images are cut where the package does not say; ``splits`` has no meaning here."""


class Buildings(PythonModel):
    """Probabilities of the channels that package.yaml names; of SpaceNet 7's: footprint, boundary, contact."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the weights."""
        from pathlib import Path  # noqa: PLC0415 - see the top

        from sn7ml.learn.predict import load_predictor  # noqa: PLC0415
        from sn7ml.package_files import read_usage  # noqa: PLC0415
        from sn7ml.params import PredictParams  # noqa: PLC0415

        package = Path(context.artifacts[ARTIFACT])
        usage = read_usage(package)
        self.predictor = load_predictor(package, usage.predict if usage else PredictParams.model_validate(WINDOWS))

    def predict(
        # A bare np.ndarray: MLflow looks at the hint, and warns of any other kind of array.
        self,
        context: PythonModelContext,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> NDArray[np.float32]:
        """Predict a batch of images of one size: probabilities in [0, 1], 0 where unusable.

        (images, 4, rows, cols) uint8, red, green, blue, and alpha, 0 where unusable, become (images, channel,
        rows * upsampling, cols * upsampling). Whole frames, if possible: brightness is taken from the whole image.

        A model that learned from stretched brightness takes float32 in place of uint8, brightness as the sensor gave
        it, and stretches it as in training; the param ``stretch`` names the part of the training data, if there are
        several. A model of signed distances gives metres, positive in buildings; where unusable, the farthest outside.
        """
        images = self.predictor.images
        batch: Iterable[NDArray[np.uint8]] = model_input
        if images is not None and images.stretch:
            batch = (self._to_bytes(pixels, (params or {}).get("stretch")) for pixels in model_input)
        found = np.stack([self.predictor.predict_image(pixels).channels for pixels in batch]).astype(np.float32)
        found /= np.float32(255)
        unit_m = self.predictor.unit_m
        return found if unit_m is None else (2 * found - 1) * np.float32(unit_m)

    def _to_bytes(self, pixels: NDArray[np.float32], stretch: str | None) -> NDArray[np.uint8]:
        """Stretch an image (4, rows, cols). Raises ParamsError if it must be said how."""
        from sn7ml.scenes.conversion import stretch_for, stretches_like  # noqa: PLC0415 - see the top

        colours, usable = pixels[:3], (pixels[3] > 0) & np.isfinite(pixels).all(axis=0)
        how, stretches, _ = stretches_like(self.predictor.images, {"the request"}, stretch or None)
        return stretch_for({"part": "", "image": "the request"}, how, stretches, colours, usable).to_bytes(
            colours, usable
        )


set_model(Buildings())
