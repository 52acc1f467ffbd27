"""Two runs beside each other, drawn small."""

from dataclasses import replace

import numpy as np
import pandas as pd

from sn7ml.report.comparison import ComparedRun
from sn7ml.report.maps.overlays import to_png
from tests.report.drawn import AOI, BIRTHS, HISTORY, LOSSES, SIZES

GROUND, TRUTH = 10, 20
"""Grey of the first two panels of a picture."""


def picture(found: int, truth: int = TRUTH) -> bytes:
    """Image, truth and prediction, 4 x 4 px each, 8 px of white between."""
    pixels = np.full((4, 3 * 4 + 2 * 8, 3), 255, np.uint8)
    for start, level in ((0, GROUND), (12, truth), (24, found)):
        pixels[:, start : start + 4] = level
    return to_png(pixels)


def scores_of(**scots: float) -> pd.DataFrame:
    """AOI to its SCOT; tracking is 0.5 everywhere."""
    return pd.DataFrame({"aoi": list(scots), "scot": list(scots.values()), "tracking": 0.5, "change": 0.25, "f1": 0.75})


BASE = ComparedRun(
    label="A", run_id="a1" * 16, name="train Unet", origin={"data": "d1d1d1d", "commit": "abc"},
    params={"loss.dice": "1.0", "train.epochs": "3"}, scores={"scot": 0.4, "tracking": 0.5, "change": 0.25, "f1": 0.7},
    per_aoi=scores_of(north=0.2, south=0.6), losses=LOSSES, births=BIRTHS, sizes=SIZES, history=HISTORY,
    overlays={(AOI, 0): picture(100), (AOI, 3): picture(100)}, months={(AOI, 0): "2018-01"},
)  # fmt: skip

IN_TIME = LOSSES.assign(
    scot_without=LOSSES["scot_without"].where(LOSSES["kind"] != "late_births", LOSSES["scot"] + 0.05),
    change_fp=LOSSES["change_fp"].where(LOSSES["kind"] != "late_births", 1),
    change_fn=LOSSES["change_fn"].where(LOSSES["kind"] != "late_births", 1),
)
"""Hardly a late birth: they cost 0.05 instead of 0.25, and each AOI has one of either kind."""

OTHER = replace(
    BASE, label="B", run_id="b2" * 16, name="train FPN", params={"loss.dice": "0.5", "train.epochs": "3"},
    scores={"scot": 0.45, "tracking": 0.5, "change": 0.3, "f1": 0.69}, per_aoi=scores_of(north=0.3, south=0.6),
    losses=IN_TIME, overlays={(AOI, 0): picture(200), (AOI, 5): picture(200)}, months={},
)  # fmt: skip
