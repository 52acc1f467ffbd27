"""Scores of class maps: pixels by class. Counts first, ratios last."""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

import numpy as np
import pandas as pd

from sn7ml.metrics.score import Evaluation
from sn7ml.targets.class_counts import ClassCounts


def evaluate_classes(pixels: Mapping[str, ClassCounts]) -> Evaluation:
    """Score the class maps of AOIs by their known pixels.

    Scores are of sums over AOIs: ``miou`` is the mean IoU over the classes that are true or found somewhere,
    ``worst_iou`` the least IoU of those that are true, ``accuracy`` the share of pixels that are right, ``iou_<class>``
    the IoU of one class, NaN where it is neither true nor found. Unknown pixels count nowhere.

    Parameters
    ----------
    pixels
        AOI to its counts, with the names of the classes; at least one.
    """
    pooled: ClassCounts = reduce(add, pixels.values())
    names = pooled.names
    keys = score_keys(names)
    rows = [{"aoi": aoi, **_scores(counts, keys), **_sums(counts, keys)} for aoi, counts in pixels.items()]
    commonest = int(np.argmax(pooled.true))
    trivial = {f"all {names[commonest]}": _scores(pooled.constant(commonest), keys)}
    scored = tuple(aoi for aoi, counts in pixels.items() if counts.known)
    tables = {"classes": class_table(names, pooled), "confusion": confusion_table(names, pooled)}
    return Evaluation(_scores(pooled, keys), pd.DataFrame(rows), scored, trivial, tables, {})


def score_keys(names: Sequence[str]) -> list[str]:
    """Return a key of each class that names of metrics may hold; of two that would be alike the later gets a number.

    >>> score_keys(["Land (unpaved)", "water", "Water"])
    ['land_unpaved', 'water', 'water_2']
    """
    keys: list[str] = []
    for name in names:
        key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "class"
        number = 2
        while key in keys:
            key, number = f"{re.sub(r'_[0-9]+$', '', key)}_{number}", number + 1
        keys.append(key)
    return keys


def _scores(counts: ClassCounts, keys: Sequence[str]) -> dict[str, float]:
    scores = {"miou": counts.miou, "accuracy": counts.accuracy, "worst_iou": counts.worst_iou}
    return scores | {f"iou_{key}": float(value) for key, value in zip(keys, counts.iou, strict=True)}


def _sums(counts: ClassCounts, keys: Sequence[str]) -> dict[str, int]:
    sums = {"known_px": counts.known}
    for kind, values in (("true", counts.true), ("found", counts.found), ("right", counts.right)):
        sums |= {f"{kind}_px_{key}": int(value) for key, value in zip(keys, values, strict=True)}
    return sums


def class_table(names: Sequence[str], counts: ClassCounts) -> pd.DataFrame:
    """Return a row per class: its pixels, its share of the known ones, IoU, precision and recall; NaN is undefined."""
    known = max(counts.known, 1)
    return pd.DataFrame(
        {
            "class": list(names),
            "true_px": counts.true,
            "found_px": counts.found,
            "right_px": counts.right,
            "share": counts.true / known,
            "iou": counts.iou,
            "precision": counts.precision,
            "recall": counts.recall,
        }
    )


def confusion_table(names: Sequence[str], counts: ClassCounts) -> pd.DataFrame:
    """Return a row per true class: the pixels that were taken for each class, a column each."""
    return pd.DataFrame(counts.pixels, columns=[f"found {name}" for name in names]).assign(true=list(names))[
        ["true", *(f"found {name}" for name in names)]
    ]
