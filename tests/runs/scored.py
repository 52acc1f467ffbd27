"""Runs with scores, tables and pictures, as the stages leave them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from sn7ml.runs.runs import SCORED, Run, create_run, ending
from sn7ml.runs.store import FINAL, SEARCH, Store
from sn7ml.tasks import task_named
from tests.report.drawn import BIRTHS, LOSSES, SIZES

SCORES = task_named("buildings_through_time").scores
PARAMS = {"model.architecture": "Unet", "train.epochs": "3"}


@contextmanager
def training_run(store: Store, *, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> Iterator[Run]:
    """A run in the experiment of final models, without scores."""
    with ending(create_run(store, FINAL, name, tags, params)) as run:
        yield run


def scored_run(
    store: Store,
    scot: float,
    *,
    name: str = "train Unet",
    params: Mapping[str, str] = PARAMS,
    data: str = "d1" * 16,
    scored: str = "s1" * 8,
) -> Run:
    """A final run, scored on two AOIs whose mean SCOT is ``scot``."""
    tags = {"dvc.data_md5": data, "git.commit": "abcdef0123", "git.dirty": "true", SCORED: scored}
    with ending(create_run(store, FINAL, name, tags, params)) as run:
        run.log_epoch(1, {"train_loss": 0.9, "val_loss": 0.8, "val_score": 0.3, "val_iou": 0.3, "lr": 0.001})
        run.log_epoch(2, {"train_loss": 0.7, "val_loss": 0.6, "val_score": 0.5, "val_iou": 0.5, "lr": 0.002})
    overall = {"scot": scot, "tracking": 0.5, "change": 0.25, "f1": 0.75, "iou": 0.6}
    run.log_scores(SCORES, overall, per_aoi(scot), "test", 2)
    for table, content in {"losses": LOSSES, "births": BIRTHS, "sizes": SIZES}.items():
        run.log_table(content, f"{table}_test.json")
    return run


def per_aoi(scot: float) -> pd.DataFrame:
    return pd.DataFrame({
        "aoi": ["north", "south"], "scot": [scot - 0.1, scot + 0.1], "tracking": [0.5, 0.5], "change": [0.2, 0.3],
        "f1": [0.7, 0.8], "iou": [0.5, 0.7],
    })  # fmt: skip


def trial_run(store: Store, scot: float) -> Run:
    tags = {"sn7.kind": "trial", "mlflow.parentRunId": "0" * 32}
    with ending(create_run(store, SEARCH, "trial-000", tags, PARAMS)) as run:
        run.log_dataset("sn7-tiles-validation", "build/tiles", "feed", "validation")
        run.log_scores(SCORES, {"scot": scot}, per_aoi(scot), "validation", 1)
    return run


def grey(brightness: int) -> np.ndarray:
    """A picture of image, truth and prediction, 4 px high: the prediction alone has this brightness."""
    picture = np.full((4, 3 * 4 + 2 * 8, 3), 255, np.uint8)
    for start, level in ((0, 10), (12, 20), (24, brightness)):
        picture[:, start : start + 4] = level
    return picture
