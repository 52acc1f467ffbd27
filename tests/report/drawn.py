"""Small pieces of content that the tests of the report share."""

from dataclasses import replace

import numpy as np
import pandas as pd
from shapely.geometry import Polygon, box

from sn7ml.report.page import PageContent
from sn7ml.tables import TRACKS

AOI = "L15-0001E-0002N_1_2_13"


def tracks() -> pd.DataFrame:
    """An old house for three months, one born in February, and one whose outline changes each month."""
    rows: list[tuple[str, str, str, str, float, Polygon]] = []
    for place, month in enumerate(("2018-01", "2018-02", "2018-03")):
        rows.append((AOI, month, "old", "2018-01", 0.9, box(0, 0, 4, 4)))
        rows.append((AOI, month, "moving", "2018-01", 0.9, box(10 + place, 0, 14 + place, 4)))
        if place:
            rows.append((AOI, month, "young", "2018-02", 0.8, box(0, 10, 4, 14)))
    return TRACKS.check(pd.DataFrame(rows, columns=list(TRACKS.columns)))


def many_tracks(buildings: int, months: int, moving: bool) -> pd.DataFrame:
    """Buildings with eight corners each; ``moving`` gives each month outlines of its own, as the baseline tracker does."""
    rng = np.random.default_rng(7)
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    names = [f"20{18 + place // 12}-{place % 12 + 1:02d}" for place in range(months)]
    rows = []
    for building in range(buildings):
        x, y = rng.uniform(0, 1000, 2)
        for month in names:
            dx, dy = rng.normal(0, 0.5, 2) if moving else (0.0, 0.0)
            ring = np.stack([x + dx + 2 * np.cos(turn), y + dy + 2 * np.sin(turn)], axis=1)
            rows.append((AOI, month, str(building), names[0], 0.9, Polygon(ring)))
    return pd.DataFrame(rows, columns=list(TRACKS.columns))


HISTORY = pd.DataFrame({
    "epoch": [1, 2], "train_loss": [1.0, 0.5], "val_loss": [1.1, 0.7], "val_iou": [0.2, 0.4],
    "val_f1": [0.3, 0.5], "lr": [0.01, 0.001],
})  # fmt: skip
TRIALS = pd.DataFrame({
    "number": [0, 1, 2], "state": ["complete", "pruned", "complete"], "value": [0.3, np.nan, 0.2], "loss.focal": [0.0, 1.0, 0.5],
})  # fmt: skip
PER_AOI = pd.DataFrame({
    "aoi": ["L15-A_1", "L15-B_1"], "mm": [3, 1], "scot": [0.2, 0.4], "tracking": [0.5, 0.6], "change": [np.nan, 0.3],
    "f1": [0.6, 0.7], "iou": [0.4, 0.5],
})  # fmt: skip
COUNTS = pd.DataFrame({
    "aoi": [AOI, AOI], "month": ["2018-02", "2018-01"], "truth": [12.0, 10.0], "found": [11.0, np.nan],
})  # fmt: skip
EMPTY = PageContent(
    scores={}, per_aoi=PER_AOI[:0], history=HISTORY[:0], trials=None, validation={}, promotion={}, overlays=(), maps=(),
    counts=COUNTS[:0], params={},
)  # fmt: skip


def full(png: bytes) -> PageContent:
    """Something in every section."""
    scores = {"scot": 0.3, "change": float("nan")}
    results = [
        {"suite": "frames", "column": "crs", "severity": "critical", "success": True, "why": "one CRS",
         "n_unexpected": 0, "offenders": []},
        {
            "suite": "labels", "column": None, "severity": "warning", "success": False, "why": "few small ones",
            "n_unexpected": 9, "offenders": [{"aoi": AOI, "month": f"2018-0{month}"} for month in range(1, 8)],
        },
    ]  # fmt: skip
    return replace(
        EMPTY, scores=scores, per_aoi=PER_AOI, history=HISTORY, trials=TRIALS, counts=COUNTS,
        validation={"ok": True, "results": results},
        promotion={"promoted": False, "reasons": ["SCOT fell"], "champion": None,
                   "challenger": {"digest": "a1", "scores": scores}},
        overlays=((AOI, "2018-01", png),), maps=((AOI, png),), params={"train.epochs": 12, "loss.dice": 1.0},
    )  # fmt: skip
