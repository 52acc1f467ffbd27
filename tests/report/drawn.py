"""Small pieces of content that the tests of the report share."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from shapely.geometry import Polygon, box

from sn7ml.core.schemas import TRACKS
from sn7ml.metrics.score import Score
from sn7ml.report.pages.run import PageContent

AOI = "L15-0001E-0002N_1_2_13"
SCORES = (
    Score("scot", "SCOT", "the challenge's score"), Score("tracking", "tracking", "footprints that keep their id"),
    Score("change", "change", "births in the right month"), Score("f1", "F1", "footprints"),
    Score("iou", "IoU", "pixels"),
)  # fmt: skip


def tracks() -> pd.DataFrame:
    """An old house for three months, one born in February, and one whose outline changes each month."""
    rows: list[tuple[str, str, str, str, float, float, Polygon]] = []
    for place, month in enumerate(("2018-01", "2018-02", "2018-03")):
        rows.append((AOI, month, "old", "2018-01", 1.0, 0.9, box(0, 0, 4, 4)))
        rows.append((AOI, month, "moving", "2018-01", 1.0, 0.9, box(10 + place, 0, 14 + place, 4)))
        if place:
            rows.append((AOI, month, "young", "2018-02", 0.7, 0.8, box(0, 10, 4, 14)))
    return TRACKS.check(pd.DataFrame(rows, columns=list(TRACKS.columns)))


def many_tracks(buildings: int, months: int, moving: bool) -> pd.DataFrame:
    """Buildings with eight corners; ``moving`` gives each month outlines of its own, as the baseline tracker does."""
    rng = np.random.default_rng(7)
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    names = [f"20{18 + place // 12}-{place % 12 + 1:02d}" for place in range(months)]
    rows = []
    for building in range(buildings):
        x, y = rng.uniform(0, 1000, 2)
        for month in names:
            dx, dy = rng.normal(0, 0.5, 2) if moving else (0.0, 0.0)
            ring = np.stack([x + dx + 2 * np.cos(turn), y + dy + 2 * np.sin(turn)], axis=1)
            rows.append((AOI, month, str(building), names[0], 1.0, 0.9, Polygon(ring)))
    return pd.DataFrame(rows, columns=list(TRACKS.columns))


HISTORY = pd.DataFrame({
    "network": [1, 1], "epoch": [1, 2], "train_loss": [1.0, 0.5], "val_loss": [1.1, 0.7], "val_score": [0.2, 0.4],
    "val_iou": [0.2, 0.4], "val_f1": [0.3, 0.5], "lr": [0.01, 0.001],
})  # fmt: skip
TRIALS = pd.DataFrame({
    "number": [0, 1, 2], "state": ["complete", "pruned", "complete"], "value": [0.3, np.nan, 0.2],
    "loss.focal": [0.0, 1.0, 0.5],
})  # fmt: skip
PER_AOI = pd.DataFrame({
    "aoi": ["L15-A_1", "L15-B_1"], "mm": [3, 1], "scot": [0.2, 0.4], "tracking": [0.5, 0.6], "change": [np.nan, 0.3],
    "f1": [0.6, 0.7], "iou": [0.4, 0.5],
})  # fmt: skip
COUNTS = pd.DataFrame({
    "aoi": [AOI, AOI], "time": ["2018-02", "2018-01"], "truth": [12.0, 10.0], "found": [11.0, np.nan],
})  # fmt: skip
LOSSES = pd.DataFrame([
    # north has every kind but one; south only misses footprints and reports one birth a month late
    ("north", "missed_footprints", 0, 40, 0, 0, 0.2, 0.3),
    ("north", "false_footprints", 1200, 0, 0, 0, 0.2, 0.25),
    ("north", "id_switches", 3, 3, 1, 1, 0.2, 0.26),
    ("north", "late_births", 0, 0, 2, 2, 0.2, 0.4),
    ("north", "early_births", 0, 0, 1, 1, 0.2, 0.22),
    ("north", "misplaced_births", 0, 0, 1, 1, 0.2, 0.22),
    ("north", "missed_births", 0, 0, 0, 1, 0.2, 0.21),
    ("north", "false_births", 0, 0, 2, 0, 0.2, 0.2),
    ("north", "older_buildings", 0, 0, 0, 0, 0.2, 0.2),
    ("south", "missed_footprints", 0, 2, 0, 0, 0.6, 0.7),
    ("south", "false_footprints", 0, 0, 0, 0, 0.6, 0.6),
    ("south", "id_switches", 0, 0, 0, 0, 0.6, 0.6),
    ("south", "late_births", 0, 0, 1, 1, 0.6, 0.9),
    ("south", "early_births", 0, 0, 0, 0, 0.6, 0.6),
    ("south", "misplaced_births", 0, 0, 0, 0, 0.6, 0.6),
    ("south", "missed_births", 0, 0, 0, 0, 0.6, 0.6),
    ("south", "false_births", 0, 0, 0, 0, 0.6, 0.6),
    ("south", "older_buildings", 0, 0, 0, 0, 0.6, 0.6),
], columns=["aoi", "kind", "track_fp", "track_fn", "change_fp", "change_fn", "scot", "scot_without"])  # fmt: skip
BIRTHS = pd.DataFrame([
    ("north", "found", "1", "2018-03", "a", "2018-03", 0.0), ("north", "found", "2", "2018-03", "b", "2018-03", 0.0),
    ("north", "misplaced", "3", "2018-04", "c", "2018-04", 0.0), ("north", "late", "4", "2018-02", "d", "2018-05", 3.0),
    ("north", "late", "5", "2018-02", "e", "2018-03", 1.0), ("south", "late", "1", "2018-02", "a", "2018-03", 1.0),
    ("north", "early", "6", "2018-05", "f", "2018-03", -2.0), ("north", "missed", "7", "2018-05", None, None, np.nan),
    ("north", "switched", "8", "2018-05", "a", "2018-03", np.nan),
    ("north", "false", None, None, "g", "2018-03", np.nan), ("north", "false", None, None, "h", "2018-03", np.nan),
    ("north", "switch", "9", "2018-01", "i", "2018-03", np.nan),
], columns=["aoi", "outcome", "truth_id", "truth_month", "prop_id", "prop_month", "months_late"])  # fmt: skip
SIZES = pd.DataFrame([
    ("north", "< 4", 0, 0, 5, 0), ("north", "4–8", 10, 4, 8, 4), ("north", "8–16", 20, 12, 20, 12),
    ("north", "16–32", 7, 7, 9, 7), ("north", "≥ 32", 2, 2, 0, 0),
    ("south", "< 4", 0, 0, 0, 0), ("south", "4–8", 10, 1, 2, 1), ("south", "8–16", 0, 0, 0, 0),
    ("south", "16–32", 1, 0, 1, 1), ("south", "≥ 32", 0, 0, 0, 0),
], columns=["aoi", "size", "truth", "truth_matched", "proposals", "proposals_matched"])  # fmt: skip
EXTENT = pd.DataFrame(
    [("test", "north", "768 to 1022", 24), ("train", "north", "0 to 633", 24)],
    columns=["split", "aoi", "columns", "labelled months"],
)
EMPTY = PageContent(
    scores=SCORES, overall={}, per_aoi=PER_AOI[:0], losses=LOSSES[:0], births=BIRTHS[:0], sizes=SIZES[:0],
    history=HISTORY[:0], trials=None, validation={}, promotion={}, overlays=(), maps=(),
    counts=COUNTS[:0], objective="val_scot", search_figures={}, params={}, extent=EXTENT[:0], digest="",
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
        EMPTY, overall=scores, per_aoi=PER_AOI, losses=LOSSES, births=BIRTHS, sizes=SIZES,
        history=HISTORY, trials=TRIALS, counts=COUNTS,
        validation={"ok": True, "summaries": ["frames: fine"], "results": results},
        promotion={"promoted": False, "reasons": ["SCOT fell"], "champion": None,
                   "challenger": {"digest": "a1", "scores": scores}},
        overlays=((AOI, "2018-01", png),), maps=((AOI, png),), params={"train.epochs": 12, "loss.dice": 1.0},
        extent=EXTENT, digest="0f3c",
    )  # fmt: skip


def numbers_in(figure: go.Figure) -> list[float]:
    """Return every number that a chart draws: what lies on a value axis, or in a heat map; NaN is not drawn."""
    drawn = []
    for trace in figure.data:
        along = (
            trace.z if trace.type == "heatmap" else trace.x if getattr(trace, "orientation", None) == "h" else trace.y
        )
        drawn += np.asarray([] if along is None else along, float).ravel().tolist()
    return [number for number in drawn if math.isfinite(number)]
