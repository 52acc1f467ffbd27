"""One-to-one matching of true and proposed polygons, the best there is, as SpaceNet 7's scorer defines it.

A pair with IoU above the threshold earns ``100 + IoU``, any other earns nothing, and the assignment that earns most is
taken: first as many matches as possible, then the largest sum of IoU. The reference solves a dense matrix for every
frame. Here only pairs that earn something exist, and they fall into small groups that do not touch each other::

    truth      A    B    C    D         A-1 is a group of one pair: matched, nothing to solve
               |    | >< |              B-2, B-3, C-2 and C-3 are a group that is solved as a 2 x 2 matrix
    proposal   1    2    3              D is missed

so that the cost grows with the number of buildings, not with its square.

Ties (two assignments that earn the same) and *phantoms* (see ``match``) depend on the reference's solver, not on its
rules: frames that have either are solved on the matrix that the reference would make, up to ``DENSE_CELLS`` cells.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

from sn7ml.metrics.overlaps import Indices, Polygons, find_overlaps

Floats = NDArray[np.float64]

BASE_REWARD = 100.0
"""What a match earns besides its IoU: so the number of matches counts first, and IoU among equal numbers."""

DENSE_CELLS = 1_000_000
"""No matrix larger than this is ever made: 8 MB, and 10 ms to solve."""

TRIFLE = 1e-9
"""Totals this close are a tie: they differ by rounding only."""


@dataclass(frozen=True)
class Side:
    """One table's polygons, and the members that are matched: rows that share an id and a frame are one member."""

    polygons: Polygons

    member: Indices
    """(rows,) number of the member of each row. Members are numbered by frame, then in the order that decides ties."""

    def frames(self) -> Indices:
        """(members,) frame of every member."""
        frames = np.zeros(int(self.member.max(initial=-1)) + 1, dtype=np.intp)
        frames[self.member] = self.polygons.frame
        return frames

    def rows(self, frame: int) -> int:
        """Return the number of rows of a frame."""
        return int((self.polygons.frame == frame).sum())


@dataclass(frozen=True)
class Pairs:
    """Pairs of members, sorted by truth; every array is (pairs,)."""

    truth: Indices
    proposal: Indices
    iou: Floats
    """Intersection over union, summed over the rows of a member where it has several."""
    reward: Floats
    """What the pair earns if it is matched."""

    def take(self, which: NDArray[np.bool_] | Indices) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(self.truth[which], self.proposal[which], self.iou[which], self.reward[which])


@dataclass(frozen=True)
class Matching:
    """The result of ``match``."""

    pairs: Pairs
    """Matched members, sorted by truth member, hence by frame."""

    phantom_frames: Indices
    """Frames with a pair that earns nothing though its summed IoU is above the threshold (see ``match``)."""

    unsolved_frames: Indices
    """Those of the phantom frames that were too large for the reference's dense matrix."""

    tied_frames: Indices
    """Frames with a tie, too large for that matrix: the reference may take another of the best assignments."""


def match(truth: Side, proposals: Side, iou_threshold: float) -> Matching:
    """Match members of the same frame one to one.

    Where a member has several rows, its IoUs and rewards are summed, as the reference does. The sum of IoUs may then
    pass the threshold while no single one did and the reward is 0: a *phantom*. The reference keeps such a pair if its
    solver happened to put the two together while filling up its matrix with pairs that earn nothing. In a frame too
    large for that matrix phantoms are not matched, and the result names it.

    Raises ValueError if the threshold is not in [0, 1).
    """
    if not 0 <= iou_threshold < 1:
        raise ValueError(f"iou_threshold must be in [0, 1), got {iou_threshold}")
    pairs = _candidates(truth, proposals, iou_threshold)
    true_frames, found_frames = truth.frames(), proposals.frames()
    frame = true_frames[pairs.truth]
    phantoms = np.unique(frame[(pairs.reward == 0) & (pairs.iou > iou_threshold)])
    earning = np.flatnonzero(pairs.reward > 0)
    best, tied = _best(pairs.take(earning))
    ties = np.unique(frame[earning[tied]])
    delicate = np.union1d(phantoms, ties).tolist()
    small = [f for f in delicate if truth.rows(f) * proposals.rows(f) <= DENSE_CELLS]
    chosen = earning[best]
    parts = [chosen[~np.isin(frame[chosen], small)]]
    for f in small:
        # The reference's matrix: a row and a column per row of the frame, filled from its top-left corner by members.
        here = np.flatnonzero(frame == f)
        row = pairs.truth[here] - np.searchsorted(true_frames, f)
        column = pairs.proposal[here] - np.searchsorted(found_frames, f)
        parts.append(here[_solve((row, column), pairs.reward[here], (truth.rows(f), proposals.rows(f)))])
    matched = np.sort(np.concatenate(parts))
    return Matching(
        pairs.take(matched[pairs.iou[matched] > iou_threshold]),
        phantoms,
        np.setdiff1d(phantoms, small),
        np.setdiff1d(ties, small),
    )


def _candidates(truth: Side, proposals: Side, iou_threshold: float) -> Pairs:
    """Return the pairs that may match: an IoU above the threshold, or any overlap where rows are summed."""
    shared = any(len(np.unique(side.member)) < len(side.member) for side in (truth, proposals))
    overlaps = find_overlaps(truth.polygons, proposals.polygons, 0.0 if shared else iou_threshold)
    reward = np.where(overlaps.iou > iou_threshold, BASE_REWARD + overlaps.iou, 0.0)
    # One integer per pair of members, sorted by truth; ``where`` says to which of them each pair of rows adds.
    width = np.intp(proposals.member.max(initial=0) + 1)
    key = truth.member[overlaps.truth] * width + proposals.member[overlaps.proposal]
    cells, where = np.unique(key, return_inverse=True)
    iou, earned = (np.bincount(where, weights, minlength=len(cells)) for weights in (overlaps.iou, reward))
    return Pairs(cells // width, cells % width, iou.astype(np.float64), earned.astype(np.float64))


def _best(pairs: Pairs) -> tuple[Indices, Indices]:
    """Return positions of the pairs that together earn most, and of some pair in every group that has a tie.

    A group holds pairs that share a truth or a proposal, directly or through other pairs.
    """
    truths, row = np.unique(pairs.truth, return_inverse=True)
    proposals, column = np.unique(pairs.proposal, return_inverse=True)
    size = len(truths) + len(proposals)
    # A bipartite graph; its nodes are the truths, then the proposals; label is (nodes,), the group of each.
    graph = coo_array((np.ones(len(row), dtype=np.int8), (row, column + len(truths))), shape=(size, size))
    label = connected_components(graph, directed=False)[1] if size else np.empty(0, dtype=np.intp)
    order = np.argsort(label[row], kind="stable")  # (pairs,), by group
    start = np.flatnonzero(np.diff(label[row][order], prepend=-1))  # (groups,), place of the first pair in ``order``
    stop = np.append(start[1:], len(order))
    # Place of every node among those of its group: 0, 1, ...
    row, column = (
        np.asarray(pd.Series(side).groupby(side).cumcount(), dtype=np.intp)[nodes]
        for side, nodes in ((label[: len(truths)], row), (label[len(truths) :], column))
    )
    several = stop - start > 1
    chosen, tied = [order[start[~several]]], []
    for first, last in zip(start[several].tolist(), stop[several].tolist(), strict=True):
        group = order[first:last]
        cells, reward = (row[group], column[group]), pairs.reward[group]
        shape = int(cells[0].max()) + 1, int(cells[1].max()) + 1
        best = _solve(cells, reward, shape)
        chosen.append(group[best])
        # If the chosen pairs earned a trifle less, would another assignment be better? Then it earned the same.
        if not np.array_equal(best, _solve(cells, reward - TRIFLE * best, shape)):
            tied.append(group[0])
    return np.concatenate(chosen), np.array(tied, dtype=np.intp)


def _solve(cells: tuple[Indices, Indices], reward: Floats, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pairs are the best assignment, (pairs,) bool.

    ``cells`` are the row and the column of each pair in a matrix of this shape, and ``reward`` is what each earns.
    Where the matrix would be too large, most pairs do not exist: thousands of terraced houses, each overlapping two.
    """
    row, column = cells
    partner = np.full(shape[0], -1)
    if shape[0] * shape[1] <= DENSE_CELLS:
        matrix = np.zeros(shape)  # 0 where a pair does not exist: the solver may put any two together there
        matrix[row, column] = reward
        first, second = linear_sum_assignment(matrix, maximize=True)
        partner[first] = second
    else:
        # The sparse solver insists on a partner for every row, so every row gets a column of its own that earns
        # nothing: (rows, columns + rows). All rewards are raised by 1, because a sparse matrix does not store a 0.
        rows = np.arange(shape[0])
        values = np.append(reward + 1, np.ones(shape[0]))
        where = np.append(row, rows), np.append(column, shape[1] + rows)
        graph = csr_array(coo_array((values, where), shape=(shape[0], shape[1] + shape[0])))
        matched, mates = min_weight_full_bipartite_matching(graph, maximize=True)
        partner[matched] = mates
    return np.asarray(partner[row] == column)
