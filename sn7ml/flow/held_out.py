"""Score a trained model on the part of the data that it has not learned from, for Python users."""

from sn7ml.flow.data import Data
from sn7ml.flow.evaluate_model import evaluator_for
from sn7ml.learn.package import load_package
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.metrics.score import Evaluation
from sn7ml.params import Params
from sn7ml.scenes.store import TileStore


def evaluate(model: TrainedModel, data: Data, tiles: TileStore, params: Params) -> Evaluation:
    """Predict and score the part of the data that ``evaluate.splits`` names.

    The model predicts as its ``usage`` says. ``tiles`` say which columns of which AOI belong to which split, and hold
    the masks for scores of pixels. Of ``params`` section evaluate and the task's own are used.
    """
    used = params.model_copy(update={"predict": model.usage.predict, "output": model.usage.output})
    columns = tiles.columns(params.evaluate.splits)
    return evaluator_for(data.root, data.scenes, tiles, columns, used).evaluate(load_package(model.folder))[0]
