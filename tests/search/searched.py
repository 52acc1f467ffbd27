"""A search with a cheap objective whose optimum is known, and what MLflow keeps of it."""

import math
from pathlib import Path

import pandas as pd
from mlflow.entities import Run as Record

from sn7ml.metrics.score import Score
from sn7ml.params import Choice, Recipe, SearchParams, TrainParams, parse
from sn7ml.runs.store import SEARCH, Store
from sn7ml.search.run import Evaluate, OnEpoch, SearchResult, Setup, TrialResult, search

RECIPE = parse(
    Recipe,
    {
        "model": {"architecture": "Unet", "encoder": "resnet18", "weights": None},
        "loss": {
            "bce": 1.0, "dice": 1.0, "focal": 0.0, "jaccard": 0.0,
            "channels": {"footprint": 1.0, "boundary": 0.3, "contact": 0.3},
        },
        "augmentation": {
            "flips": True, "quarter_turns": True, "brightness": 0.2, "contrast": 0.2, "saturation": 0.0,
            "gain": 0.0, "offset": 0.0, "months_around": 0, "noise": 0.0, "blur": 0.0,
        },
        "optimiser": {"learning_rate": 0.001, "weight_decay": 0.01},
    },
    "test",
)  # fmt: skip

SCORES = (Score("scot", "SCOT", "the best"), Score("f1", "F1", "half of it"), Score("iou", "IoU", "always half"))

TRAIN = TrainParams(
    epochs=3,
    tiles_per_epoch=8,
    validation_tiles=8,
    batch_size=4,
    patience=3,
    precision="32-true",
    built_up_power=0.5,
    loader_workers=0,
    seed=7,
)

SPACE = (
    Choice(param="model.architecture", values=("Unet", "FPN", "PAN")),
    Choice(param="optimiser.learning_rate", low=1e-4, high=1e-1, log=True),
)


def plan(trials: int, seed: int = 7, space: tuple[Choice, ...] = SPACE) -> SearchParams:
    return SearchParams(
        trials=trials, objective="scot", finalists=3, start_from=None, train=TRAIN, space=space, seed=seed
    )


def find(params: SearchParams, evaluate: Evaluate, store: Store, work: Path, inputs: str = "") -> SearchResult:
    """Search in this process."""
    return search(RECIPE, params, evaluate, Setup(store, SCORES, work), inputs)


def worth(recipe: Recipe) -> float:
    """Best, and 1, for an FPN with a learning rate of 0.01."""
    distance = abs(math.log10(recipe.optimiser.learning_rate) + 2) / 3
    return 1 - distance - (0 if recipe.model.architecture == "FPN" else 0.2)


def cheap(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
    for epoch in (1, 2, 3):
        on_epoch(epoch, {"train_loss": 1 / epoch, "val_score": worth(recipe) * epoch / 3})
    scores = {"scot": worth(recipe), "f1": worth(recipe) / 2, "iou": 0.5}
    return TrialResult(scores, pd.DataFrame([{"aoi": "A", **scores}]), epoch=3)


def steady(recipe: Recipe, on_epoch: OnEpoch) -> TrialResult:
    """As ``cheap``, but never pruned."""
    return cheap(recipe, lambda _epoch, _metrics: None)


def children(store: Store) -> list[Record]:
    runs = store.client.search_runs(
        [store.experiments[SEARCH]], "tags.`sn7.kind` = 'trial'", order_by=["attributes.start_time"]
    )
    return list(runs)


def the_search(store: Store) -> Record:
    [run] = store.client.search_runs([store.experiments[SEARCH]], "tags.`sn7.kind` = 'search'")
    return run
