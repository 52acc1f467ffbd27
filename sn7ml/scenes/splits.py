"""Who trains, who chooses, who is scored: by AOI, or by columns when there is one AOI only. Never by month.

Neighbouring months are near-duplicates, so a split by frame would leak; neighbouring AOIs share streets and light, so
they stay together.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sn7ml.core.errors import CatalogError
from sn7ml.core.schemas import REGIONS
from sn7ml.params import SplitParams


def assign_regions(frames: pd.DataFrame, params: SplitParams) -> pd.DataFrame:
    """Decide from ``FRAMES`` of the labelled AOIs which columns of which AOI belong to which split.

    Returns ``REGIONS``. Several groups of AOIs: whole AOIs. One AOI: columns from left to right train, validation (or
    all the folds), test, with a gap between. Every split, or fold, gets at least one row.

    Raises CatalogError for no AOI, too few groups of AOIs for splits without a leak, or an AOI too narrow for its
    columns.
    """
    if frames.empty:
        raise CatalogError("splits.no-labels", "no labelled AOI to train on; labels are needed for at least one")
    aois = frames.drop_duplicates("aoi").sort_values("aoi")
    groups = [list(members["aoi"]) for _, members in aois.groupby("group", sort=True)]
    if len(aois) == 1:
        return _by_columns(aois["aoi"].iloc[0], int(aois["cols"].iloc[0]), params)
    parts = max(params.folds, 2) + 1
    if len(groups) < parts:
        wanted = "train, validation and test splits" if params.folds == 1 else f"{params.folds} folds and a test split"
        raise CatalogError(
            "splits.too-few-groups",
            f"{len(aois)} AOIs in {len(groups)} group(s) of neighbours cannot give {wanted}: use one AOI (split by "
            f"columns), {parts} or more far from each other, or a smaller split.neighbour_tiles or split.folds",
        )
    return _by_groups(groups, dict(zip(aois["aoi"], aois["cols"], strict=True)), params)


def _by_columns(aoi: str, cols: int, params: SplitParams) -> pd.DataFrame:
    test_start = cols - round(cols * params.test_fraction)
    learn_stop = test_start - params.gap_px
    if params.folds == 1:
        validation_start = learn_stop - round(cols * params.validation_fraction)
        rows = [(aoi, "train", 0, 0, validation_start - params.gap_px)]
        rows += [(aoi, "validation", 1, validation_start, learn_stop)]
    else:
        # Each fold ends with a gap; that of the last is the gap before the test columns.
        ends = np.linspace(0, learn_stop + params.gap_px, params.folds + 1).round().astype(int).tolist()
        rows = [(aoi, "validation", fold, ends[fold - 1], ends[fold] - params.gap_px) for fold in range(1, len(ends))]
    rows.append((aoi, "test", 0, test_start, cols))
    if min(stop - start for *_, start, stop in rows) < 1:
        raise CatalogError(
            "splits.too-few-columns",
            f"AOI {aoi}: {cols} columns are too few for split fractions, {params.folds} fold(s) and gap_px "
            f"{params.gap_px}",
        )
    return REGIONS.check(pd.DataFrame(rows, columns=list(REGIONS.columns)))


def _by_groups(groups: list[list[str]], cols: Mapping[str, int], params: SplitParams) -> pd.DataFrame:
    order = [groups[index] for index in np.random.default_rng(params.seed).permutation(len(groups))]
    # What is left must suffice for the other splits: validation and training, or the folds.
    test = _take(order, params.test_fraction * len(cols), keep=max(params.folds, 2))
    part_of = dict.fromkeys(test, ("test", 0))
    if params.folds == 1:
        validation = _take(order, params.validation_fraction * len(cols), keep=1)
        part_of |= dict.fromkeys(validation, ("validation", 1))
        part_of |= {aoi: ("train", 0) for group in order for aoi in group}
    else:
        counts = [0] * params.folds
        for group in sorted(order, key=len, reverse=True):
            emptiest = int(np.argmin(counts))
            counts[emptiest] += len(group)
            part_of |= dict.fromkeys(group, ("validation", emptiest + 1))
    rows = [(aoi, *part_of[aoi], 0, cols[aoi]) for aoi in sorted(cols)]
    return REGIONS.check(pd.DataFrame(rows, columns=list(REGIONS.columns)))


def _take(order: list[list[str]], wanted: float, keep: int) -> list[str]:
    """Take groups off the end of ``order``, at least one, up to ``wanted`` AOIs; leave ``keep`` groups."""
    taken: list[str] = []
    while len(order) > keep and (not taken or len(taken) + len(order[-1]) <= wanted):
        taken += order.pop()
    return taken
