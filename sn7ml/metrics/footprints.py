"""Footprints found, false and missed, by frame and by size: SpaceNet's building F1."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import shapely

from sn7ml.metrics.matching import Side, match
from sn7ml.metrics.per_aoi import AoiFootprints, AoiMap, one_by_one, pair_aois

SIZE_BOUNDS_PX2 = (4.0, 8.0, 16.0, 32.0)
SIZES = ("< 4", "4–8", "8–16", "16–32", "≥ 32")
"""Size classes by area, px²; a bound belongs to the class above it."""

FOOTPRINTS = {"aoi": "str", "time": "str", "area_px2": "float64", "matched": "bool"}
PAIRS = {"aoi": "str", "x_px": "float64", "y_px": "float64"}


@dataclass(frozen=True)
class FootprintMatches:
    """Every footprint of both sides, and whether it was matched."""

    truth: pd.DataFrame
    """aoi, time, area_px2, matched (bool); a row per polygon."""

    proposals: pd.DataFrame
    """The same of the proposals."""

    offsets: pd.DataFrame
    """aoi, x_px, y_px; a row per matched pair: how far the centre of the true polygon lies to the right of, and below,
    that of the proposed one."""

    def median_offsets(self) -> pd.DataFrame:
        """Return how far truth lies from what was proposed: aoi, pairs, x_px, y_px (medians), sorted by AOI.

        A median far from 0 over many pairs is a shift of all outlines; mere scatter would average out. An AOI without
        pairs has no row.
        """
        pairs = self.offsets.groupby("aoi", sort=True)
        return pairs.agg(pairs=("x_px", "size"), x_px=("x_px", "median"), y_px=("y_px", "median")).reset_index()

    def by_frame(self) -> pd.DataFrame:
        """Return aoi, time, tp, fp, fn, sorted; one row for each frame of either table.

        Counts add up over any set of frames; ratios come from ``precision_recall_f1`` of the sums.
        """
        sides = [side.groupby(["aoi", "time"])["matched"] for side in (self.truth, self.proposals)]
        true, found = (side.agg(["sum", "size"]) for side in sides)
        true, found = (side.astype("int64") for side in true.align(found, axis="index", fill_value=0))
        counts = {"tp": true["sum"], "fp": found["size"] - found["sum"], "fn": true["size"] - true["sum"]}
        return pd.DataFrame(counts).reset_index().astype({"aoi": "str", "time": "str"})

    def by_size(self) -> pd.DataFrame:
        """Return aoi, size (one of ``SIZES``), truth, truth_matched, proposals, proposals_matched.

        Truth is counted by its own size, proposals by theirs; every AOI has every class, in order. Recall is
        ``truth_matched / truth`` and precision ``proposals_matched / proposals``, of sums.
        """
        aois = sorted({*self.truth["aoi"], *self.proposals["aoi"]})
        cells = pd.MultiIndex.from_product([aois, SIZES], names=["aoi", "size"])
        columns = {}
        for name, side in (("truth", self.truth), ("proposals", self.proposals)):
            classes = np.array(SIZES)[np.digitize(side["area_px2"], SIZE_BOUNDS_PX2)]
            matched = side["matched"].groupby([side["aoi"].to_numpy(), classes])
            columns[name] = matched.size().reindex(cells, fill_value=0)
            columns[f"{name}_matched"] = matched.sum().reindex(cells, fill_value=0)
        table = pd.DataFrame(columns, index=cells).astype("int64").reset_index()
        return table.astype({"aoi": "str", "size": "str"})


def match_footprints(
    truth: pd.DataFrame, proposals: pd.DataFrame, iou_threshold: float, *, map_aois: AoiMap = one_by_one
) -> FootprintMatches:
    """Match polygons frame by frame.

    Matching is that of SCOT (one to one, as many as possible, IoU greater than the threshold), but every row counts by
    itself, whatever its id, and nothing is too small. A missing or EMPTY geometry is no footprint and left out; a line
    or a point matches nothing and so counts as false or missed.

    Both tables are as for ``sn7ml.metrics.scot.score_scot``, with the same errors, and may be empty; ``iou_threshold``
    is in [0, 1). ``map_aois`` is how to go through the AOIs: ``sn7ml.metrics.per_aoi.in_processes`` uses all cores.
    """
    parts = map_aois(partial(_match_one, iou_threshold), pair_aois(truth, proposals))
    truths, proposed, offsets = ([part[place].assign(aoi=name) for name, part in parts.items()] for place in (0, 1, 2))
    return FootprintMatches(_joined(truths, FOOTPRINTS), _joined(proposed, FOOTPRINTS), _joined(offsets, PAIRS))


def _match_one(iou_threshold: float, aoi: AoiFootprints) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    both = [rows.take(~rows.shapeless) for rows in (aoi.truth, aoi.proposals)]
    months = tuple(sorted({*both[0].months(), *both[1].months()}))
    # Each row is a member of its own, numbered by frame; order is (members,), the row of each.
    polygons = [rows.polygons(months) for rows in both]
    orders = [np.argsort(side.frame, kind="stable") for side in polygons]
    truth, proposals = (Side(side, np.argsort(order)) for side, order in zip(polygons, orders, strict=True))
    pairs = match(truth, proposals, iou_threshold).pairs
    tables, centres = [], []
    for rows, order, members in zip(both, orders, (pairs.truth, pairs.proposal), strict=True):
        matched = np.zeros(len(rows), dtype=bool)
        matched[order[members]] = True
        areas = shapely.area(rows.geometry)
        tables.append(pd.DataFrame({"time": rows.time.to_numpy(), "area_px2": areas, "matched": matched}))
        centres.append(shapely.get_coordinates(shapely.centroid(rows.geometry[order[members]])))
    return tables[0], tables[1], pd.DataFrame(centres[0] - centres[1], columns=["x_px", "y_px"])


def _joined(tables: list[pd.DataFrame], kinds: Mapping[str, str]) -> pd.DataFrame:
    empty = pd.DataFrame(columns=list(kinds)).astype(kinds)
    return pd.concat([empty, *tables], ignore_index=True)[list(kinds)].astype(kinds)
