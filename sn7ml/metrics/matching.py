"""One-to-one matching of true and proposed polygons, the best there is, as SpaceNet 7's scorer defines it.

A pair with IoU above the threshold earns ``100 + IoU``, any other earns nothing, and the assignment that earns most is
taken: first as many matches as possible, then the largest sum of IoU. The reference solves a dense matrix for every
frame. Here only pairs that earn something exist, and they fall into small groups that do not touch each other::

    truth      A    B    C    D         A-1 is a group of one pair: matched, nothing to solve
               |    | >< |              B-2, B-3, C-2 and C-3 are a group that is solved as a 2 x 2 matrix
    proposal   1    2    3              D is missed

so that the cost grows with the number of buildings, not with its square.

Two things depend on the reference's solver and not on its rules: which of two assignments is taken that earn the same
(a tie), and what becomes of *phantoms* (see ``match``). A frame that has either is solved on the matrix that the
reference would make, as long as that has no more than ``DENSE_CELLS`` cells.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

from sn7ml.metrics.overlaps import Overlaps, Polygons, Rows, find_overlaps

Floats = NDArray[np.float64]

BASE_REWARD = 100.0
"""What a match earns besides its IoU."""

DENSE_CELLS = 1_000_000
"""No matrix larger than this is ever made: 8 MB, and 10 ms to solve."""

TRIFLE = 1e-9
"""Totals this close are a tie: they differ by rounding only."""


@dataclass(frozen=True)
class Side:
    """One table's polygons and the members that take part in the matching: rows of one member share one place."""

    polygons: Polygons

    member: Rows
    """(rows,) number of the member of each row. Members are numbered by frame, then in the order that decides ties."""

    def frames(self) -> Rows:
        """Return the frame of every member."""
        frames = np.zeros(int(self.member.max(initial=-1)) + 1, dtype=np.intp)
        frames[self.member] = self.polygons.frame
        return frames


@dataclass(frozen=True)
class Pairs:
    """Pairs of members, sorted by truth."""

    truth: Rows
    proposal: Rows
    iou: Floats
    """Intersection over union, summed over the rows of a member where it has several."""
    reward: Floats

    def take(self, which: NDArray[np.bool_] | Rows) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(self.truth[which], self.proposal[which], self.iou[which], self.reward[which])

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True)
class Matching:
    """The result of ``match``."""

    pairs: Pairs
    """Matched members, sorted by truth member, hence by frame."""

    phantom_frames: Rows
    """Frames with a pair that earns nothing though its summed IoU is above the threshold (see ``match``)."""

    unsolved_frames: Rows
    """Those of the phantom frames that were too large for the reference's dense matrix."""

    tied_frames: Rows
    """Frames with a tie that were too large for it: which of the best assignments is taken may differ from the reference."""


def match(truth: Side, proposals: Side, iou_threshold: float) -> Matching:
    """Match members of the same frame one to one.

    Where a member has several rows, its IoUs and rewards are summed, as the reference does. The sum of IoUs may then
    pass the threshold while no single one did and the reward is 0: a *phantom*. The reference keeps such a pair if its
    solver happened to put the two together while filling up its matrix with pairs that earn nothing. To agree with it, a
    frame with a phantom is solved on the reference's dense matrix; if that would have more than ``DENSE_CELLS`` cells,
    the phantoms are not matched and the frame is named in the result.

    Raises
    ------
    ValueError
        If the threshold is not in [0, 1).
    """
    if not 0 <= iou_threshold < 1:
        raise ValueError(f"iou_threshold must be in [0, 1), got {iou_threshold}")
    pairs = _pairs(truth, proposals, iou_threshold)
    frame = truth.frames()[pairs.truth]
    phantoms = np.unique(frame[(pairs.reward == 0) & (pairs.iou > iou_threshold)])
    earning = pairs.take(pairs.reward > 0)
    best, tied = _best(earning)
    found = earning.take(best)
    ties = np.unique(truth.frames()[earning.truth[tied]])
    delicate = np.union1d(phantoms, ties).tolist()
    small = [f for f in delicate if _rows(truth, f) * _rows(proposals, f) <= DENSE_CELLS]
    parts = [found.take(~np.isin(truth.frames()[found.truth], small))]
    parts += [_solve_like_the_reference(pairs.take(frame == f), truth, proposals, f) for f in small]
    chosen = _joined(parts)
    kept = chosen.take(chosen.iou > iou_threshold)
    return Matching(
        kept.take(np.argsort(kept.truth, kind="stable")),
        phantoms,
        np.setdiff1d(phantoms, small),
        np.setdiff1d(ties, small),
    )


def _joined(parts: list[Pairs]) -> Pairs:
    return Pairs(
        np.concatenate([p.truth for p in parts]),
        np.concatenate([p.proposal for p in parts]),
        np.concatenate([p.iou for p in parts]),
        np.concatenate([p.reward for p in parts]),
    )


def _pairs(truth: Side, proposals: Side, iou_threshold: float) -> Pairs:
    """Pairs of members that may be matched; with several rows a member, those that overlap at all."""
    shared = any(len(np.unique(side.member)) < len(side.member) for side in (truth, proposals))
    overlaps = find_overlaps(truth.polygons, proposals.polygons, 0.0 if shared else iou_threshold)
    return _summed(overlaps, truth.member, proposals.member, iou_threshold)


def _summed(overlaps: Overlaps, truth: Rows, proposal: Rows, iou_threshold: float) -> Pairs:
    reward = np.where(overlaps.iou > iou_threshold, BASE_REWARD + overlaps.iou, 0.0)
    width = np.intp(proposal.max(initial=0) + 1)
    key = truth[overlaps.truth] * width + proposal[overlaps.proposal]
    cells, where = np.unique(key, return_inverse=True)
    iou, earned = (np.bincount(where, weights, minlength=len(cells)) for weights in (overlaps.iou, reward))
    return Pairs(cells // width, cells % width, iou.astype(np.float64), earned.astype(np.float64))


@dataclass(frozen=True)
class _Groups:
    """Pairs sorted by the group that they are connected in."""

    order: Rows
    """(pairs,) positions, sorted by group."""

    bounds: list[int]
    """(groups + 1,) where each group starts in ``order``."""

    row: Rows
    column: Rows
    """(pairs,) place in the group's matrix, aligned with ``order``."""

    def several(self) -> list[slice]:
        """Return the parts of ``order`` that are a group of more than one pair."""
        return [slice(start, stop) for start, stop in pairwise(self.bounds) if stop - start > 1]

    def alone(self) -> Rows:
        """Return the positions of the pairs that are a group by themselves."""
        start = np.array(self.bounds[:-1], dtype=np.intp)
        alone: Rows = self.order[start[np.diff(self.bounds) == 1]]
        return alone


def _best(pairs: Pairs) -> tuple[Rows, Rows]:
    """Positions of the pairs that together earn most, and of some pair in every group that has a tie.

    Once the chosen pairs earn a trifle less, another assignment that earned the same is better.
    """
    groups = _groups(pairs)
    chosen, tied = [groups.alone()], []
    for part in groups.several():
        row, column, group = groups.row[part], groups.column[part], groups.order[part]
        reward = pairs.reward[group]
        best = _solve(row, column, reward)
        chosen.append(group[best])
        if not np.array_equal(best, _solve(row, column, reward - TRIFLE * best)):
            tied.append(group[0])
    return np.concatenate(chosen), np.array(tied, dtype=np.intp)


def _groups(pairs: Pairs) -> _Groups:
    truths, row = np.unique(pairs.truth, return_inverse=True)
    proposals, column = np.unique(pairs.proposal, return_inverse=True)
    size = len(truths) + len(proposals)
    graph = coo_array((np.ones(len(row), dtype=np.int8), (row, column + len(truths))), shape=(size, size))
    label = connected_components(graph, directed=False)[1] if size else np.empty(0, dtype=np.intp)
    order = np.argsort(label[row], kind="stable")
    starts = np.flatnonzero(np.diff(label[row][order], prepend=-1))
    rows, columns = _place(label[: len(truths)]), _place(label[len(truths) :])
    return _Groups(order, [*starts.tolist(), len(order)], rows[row][order], columns[column][order])


def _place(label: NDArray[np.integer]) -> Rows:
    """Count the members of each group, in their order: 0, 1, ..."""
    order = np.argsort(label, kind="stable")
    ordered = label[order]
    place = np.empty(len(label), dtype=np.intp)
    place[order] = np.arange(len(label)) - np.searchsorted(ordered, ordered)
    return place


def _solve(row: Rows, column: Rows, reward: Floats) -> NDArray[np.bool_]:
    """Tell the pairs of the best assignment within one group.

    Parameters
    ----------
    row, column
        (pairs,) place in the group's matrix.
    reward
        (pairs,) what each pair earns.
    """
    shape = int(row.max()) + 1, int(column.max()) + 1
    if shape[0] * shape[1] > DENSE_CELLS:
        return _solve_sparse(row, column, reward, shape)
    return _solve_dense(row, column, reward, shape)


def _solve_dense(row: Rows, column: Rows, reward: Floats, shape: tuple[int, int]) -> NDArray[np.bool_]:
    matrix = np.zeros(shape)
    matrix[row, column] = reward
    partner = np.full(shape[0], -1)
    first, second = linear_sum_assignment(matrix, maximize=True)
    partner[first] = second
    chosen: NDArray[np.bool_] = partner[row] == column
    return chosen


def _solve_sparse(row: Rows, column: Rows, reward: Floats, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Solve a group of thousands, in which most pairs do not exist: a chain of terraced houses, each overlapping two others.

    The solver insists on a partner for every row, so every row gets one of its own that earns nothing. All are raised
    by 1, because a stored 0 is no entry.
    """
    rows = np.arange(shape[0])
    values = np.append(reward + 1, np.ones(shape[0]))
    where = np.append(row, rows), np.append(column, shape[1] + rows)
    graph = csr_array(coo_array((values, where), shape=(shape[0], shape[1] + shape[0])))
    partner = np.empty(shape[0], dtype=np.intp)
    first, second = min_weight_full_bipartite_matching(graph, maximize=True)
    partner[first] = second
    chosen: NDArray[np.bool_] = partner[row] == column
    return chosen


def _rows(side: Side, frame: int) -> int:
    return int((side.polygons.frame == frame).sum())


def _solve_like_the_reference(pairs: Pairs, truth: Side, proposals: Side, frame: int) -> Pairs:
    """Solve one frame on a matrix of rows x rows, filled from its top-left corner by members."""
    first, second = (int(np.searchsorted(side.frames(), frame)) for side in (truth, proposals))
    shape = _rows(truth, frame), _rows(proposals, frame)
    return pairs.take(_solve_dense(pairs.truth - first, pairs.proposal - second, pairs.reward, shape))
