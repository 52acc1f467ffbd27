"""Who trains, who chooses, who is scored: by AOI, or by columns when there is one AOI only. Never by month.

Neighbouring months are near-duplicates, so a split by frame would leak; neighbouring AOIs share streets and light, so
they stay together.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sn7ml.data.catalog import tile_of
from sn7ml.errors import CatalogError
from sn7ml.params import SplitParams
from sn7ml.tables import REGIONS


def assign_regions(sizes: Mapping[str, tuple[int, int]], params: SplitParams) -> pd.DataFrame:
    """Decide which columns of which AOI belong to which split.

    Parameters
    ----------
    sizes
        Labelled AOI to (rows, cols) of its images.
    params
        Fractions, gap and seed.

    Returns
    -------
    pd.DataFrame
        ``REGIONS``. Three or more groups of AOIs: whole AOIs. One AOI: columns from left to right train, validation,
        test, with a gap between. Every split gets at least one row.

    Raises
    ------
    CatalogError
        For no AOI, two groups of AOIs (no three splits without a leak), or an AOI too narrow for its columns.
    """
    if not sizes:
        raise CatalogError("no labelled AOI to train on; labels_match or labels_match_pix are needed for at least one")
    groups = neighbour_groups(sorted(sizes), params.neighbour_tiles)
    if len(sizes) == 1:
        ((aoi, (_, cols)),) = sizes.items()
        return _by_columns(aoi, cols, params)
    if len(groups) < 3:
        raise CatalogError(
            f"{len(sizes)} AOIs in {len(groups)} group(s) of neighbours cannot give train, validation and test splits: "
            "use one AOI (split by columns), three or more far from each other, or a smaller split.neighbour_tiles"
        )
    return _by_groups(groups, sizes, params)


def neighbour_groups(aois: Sequence[str], reach_tiles: int) -> list[list[str]]:
    """Group AOIs whose zoom-13 tiles lie at most ``reach_tiles`` apart along both axes, directly or through others."""
    groups: list[list[str]] = []
    for aoi in aois:
        near = [group for group in groups if any(_distance(aoi, other) <= reach_tiles for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append(sorted([aoi, *(other for group in near for other in group)]))
    return sorted(groups)


def _distance(one: str, other: str) -> int:
    (x, y, _), (u, v, _) = tile_of(one), tile_of(other)
    return max(abs(x - u), abs(y - v))


def _by_columns(aoi: str, cols: int, params: SplitParams) -> pd.DataFrame:
    test_start = cols - round(cols * params.test_fraction)
    validation_stop = test_start - params.gap_px
    validation_start = validation_stop - round(cols * params.validation_fraction)
    train_stop = validation_start - params.gap_px
    if min(train_stop, validation_stop - validation_start, cols - test_start) < 1:
        raise CatalogError(f"AOI {aoi}: {cols} columns are too few for split fractions and gap_px {params.gap_px}")
    rows = [
        (aoi, "train", 0, train_stop),
        (aoi, "validation", validation_start, validation_stop),
        (aoi, "test", test_start, cols),
    ]
    return REGIONS.check(pd.DataFrame(rows, columns=list(REGIONS.columns)))


def _by_groups(groups: list[list[str]], sizes: Mapping[str, tuple[int, int]], params: SplitParams) -> pd.DataFrame:
    order = [groups[index] for index in np.random.default_rng(params.seed).permutation(len(groups))]
    split_of: dict[str, str] = {}
    for split, fraction in (("test", params.test_fraction), ("validation", params.validation_fraction)):
        wanted = fraction * len(sizes)
        taken = 0
        # Two groups at least must be left: one for each of the other splits, or for training at the end.
        keep = 2 if split == "test" else 1
        while len(order) > keep and (taken == 0 or taken + len(order[-1]) <= wanted):
            group = order.pop()
            taken += len(group)
            split_of.update(dict.fromkeys(group, split))
    split_of.update({aoi: "train" for group in order for aoi in group})
    rows = [(aoi, split_of[aoi], 0, sizes[aoi][1]) for aoi in sorted(sizes)]
    return REGIONS.check(pd.DataFrame(rows, columns=list(REGIONS.columns)))
