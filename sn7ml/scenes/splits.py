"""Who trains, who chooses, who is scored: by AOI, or by columns when there is one AOI only. Never by month.

Neighbouring months are near-duplicates, so a split by frame would leak; neighbouring AOIs share streets and light, so
they stay together.
"""

import fnmatch
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from sn7ml.core.errors import CatalogError
from sn7ml.core.schemas import REGIONS
from sn7ml.params import SplitParams

MOST_NAMED = 20
"""AOIs that an error names."""


def assign_regions(frames: pd.DataFrame, params: SplitParams) -> pd.DataFrame:
    """Decide from ``FRAMES`` of the labelled AOIs which columns of which AOI belong to which split.

    Returns ``REGIONS``. Several groups of AOIs: whole AOIs. One AOI: columns from left to right train, validation (or
    all the folds), test, with a gap between. Every split, or fold, gets at least one row. AOIs that ``params.aois``
    leaves out have none. AOIs that ``params.test_aois`` names are the test split; the others are divided as ever, a
    single one by columns, but for that split. With ``params.validation_by`` "columns", every AOI that is not tested is
    divided by columns.

    Raises CatalogError for no AOI, too few groups of AOIs for splits without a leak, an AOI too narrow for its columns,
    a name that no labelled AOI has, or a test AOI with a neighbour that is not one.
    """
    if frames.empty:
        raise CatalogError("splits.no-labels", "no labelled AOI to train on; labels are needed for at least one")
    aois = frames.drop_duplicates("aoi").sort_values("aoi")
    aois = aois[aois["aoi"].isin(_named("split.aois", params.aois, list(aois["aoi"])))]
    if params.test_aois is None:
        return REGIONS.check(_divided(aois, params))
    held = aois["aoi"].isin(_named("split.test_aois", params.test_aois, list(aois["aoi"])))
    _refuse_torn_groups(aois, held)
    if held.all():
        raise CatalogError("splits.no-training", f"split.test_aois takes all labelled AOIs {_some(aois['aoi'])}")
    test = [(aoi, "test", 0, 0, cols) for aoi, cols in aois.loc[held, ["aoi", "cols"]].itertuples(index=False)]
    rows = [_table(test), _divided(aois[~held], params)]
    return REGIONS.check(pd.concat(rows).sort_values(["aoi", "col_start"], ignore_index=True))


def _named(key: str, patterns: Sequence[str] | None, known: Sequence[str]) -> Collection[str]:
    """Return the known AOIs that ``patterns`` name; None names all. Raises CatalogError for one that names none."""
    if patterns is None:
        return known
    found = {pattern: fnmatch.filter(known, pattern) for pattern in patterns}
    if unknown := [pattern for pattern, aois in found.items() if not aois]:
        raise CatalogError(
            "splits.unknown-aoi", f"{key}: no labelled AOI is called {unknown}; known are {_some(known)}"
        )
    return {aoi for aois in found.values() for aoi in aois}


def _some(aois: Iterable[str]) -> str:
    """Return at most ``MOST_NAMED`` names, and how many more there are."""
    names = list(aois)
    more = len(names) - MOST_NAMED
    return f"{names[:MOST_NAMED]}" + (f" and {more} more" if more > 0 else "")


def _refuse_torn_groups(aois: pd.DataFrame, held: pd.Series) -> None:
    torn = aois["group"].isin(aois.loc[held, "group"]) & ~held
    if torn.any():
        raise CatalogError(
            "splits.neighbours-of-test",
            f"split.test_aois: {_some(aois.loc[torn, 'aoi'])} are neighbours of AOIs it names and would be learned "
            "from; name them too, leave them out by split.aois, or make split.neighbour_m (or neighbour_tiles) smaller",
        )


def _divided(aois: pd.DataFrame, params: SplitParams) -> pd.DataFrame:
    """Divide AOIs, a row each, among the splits; with ``params.test_aois``, among all but test."""
    groups = [list(members["aoi"]) for _, members in aois.groupby("group", sort=True)]
    cols, tests = dict(zip(aois["aoi"], aois["cols"], strict=True)), params.test_aois is None
    if len(aois) == 1:
        return _table(_by_columns(groups[0][0], cols[groups[0][0]], params, tests=tests))
    # What is not tested must suffice for the other splits: validation and training, or the folds.
    keep = max(params.folds, 2) if params.validation_by == "aois" else 1
    parts = keep + tests
    if len(groups) < parts:
        wanted = "train and validation" if params.folds == 1 else f"{params.folds} folds"
        raise CatalogError(
            "splits.too-few-groups",
            f"{len(aois)} AOIs in {len(groups)} group(s) of neighbours cannot give {wanted}{' and test' * tests} "
            f"splits: use one AOI (split by columns, see split.aois), {parts} or more far from each other, or smaller "
            "split.neighbour_tiles, split.neighbour_m or split.folds",
        )
    order = [groups[index] for index in np.random.default_rng(params.seed).permutation(len(groups))]
    test = _take(order, params.test_fraction * len(cols), keep) if tests else []
    rows = [(aoi, "test", 0, 0, cols[aoi]) for aoi in test]
    if params.validation_by == "aois":
        rows += _by_groups(order, cols, params)
    else:
        rows += [row for group in order for aoi in group for row in _by_columns(aoi, cols[aoi], params, tests=False)]
    return _table(sorted(rows, key=lambda row: (row[0], row[3])))


Row: TypeAlias = tuple[str, str, int, int, int]
"""Of ``REGIONS``."""


def _by_columns(aoi: str, cols: int, params: SplitParams, *, tests: bool) -> list[Row]:
    test_start = cols - round(cols * params.test_fraction) if tests else cols
    learn_stop = test_start - params.gap_px * tests
    if params.folds == 1:
        validation_start = learn_stop - round(cols * params.validation_fraction)
        rows = [(aoi, "train", 0, 0, validation_start - params.gap_px)]
        rows += [(aoi, "validation", 1, validation_start, learn_stop)]
    else:
        # Each fold ends with a gap; that of the last is the gap before the test columns.
        ends = np.linspace(0, learn_stop + params.gap_px, params.folds + 1).round().astype(int).tolist()
        rows = [(aoi, "validation", fold, ends[fold - 1], ends[fold] - params.gap_px) for fold in range(1, len(ends))]
    if tests:
        rows.append((aoi, "test", 0, test_start, cols))
    if min(stop - start for *_, start, stop in rows) < 1:
        raise CatalogError(
            "splits.too-few-columns",
            f"AOI {aoi}: {cols} columns are too few for split fractions, {params.folds} fold(s) and gap_px "
            f"{params.gap_px}",
        )
    return rows


def _table(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(REGIONS.columns))


def _by_groups(order: list[list[str]], cols: Mapping[str, int], params: SplitParams) -> list[Row]:
    part_of: dict[str, tuple[str, int]] = {}
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
    return [(aoi, *part, 0, cols[aoi]) for aoi, part in part_of.items()]


def _take(order: list[list[str]], wanted: float, keep: int) -> list[str]:
    """Take groups off the end of ``order``, at least one, up to ``wanted`` AOIs; leave ``keep`` groups."""
    taken: list[str] = []
    while len(order) > keep and (not taken or len(taken) + len(order[-1]) <= wanted):
        taken += order.pop()
    return taken
