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

    Parameters
    ----------
    model
        Predicts as its ``usage`` says.
    data, tiles
        ``tiles`` says which columns of which AOI belong to which split, and holds the masks for scores of pixels.
    params
        The task's scores, and section evaluate.
    """
    used = params.model_copy(update={"predict": model.usage.predict, "output": model.usage.output})
    columns = tiles.columns(params.evaluate.splits)
    return evaluator_for(data.root, data.scenes, tiles, columns, used).evaluate(load_package(model.folder))[0]
