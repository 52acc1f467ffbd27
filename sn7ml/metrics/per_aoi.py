"""The footprints of one AOI, and two ways to go through the AOIs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pandas as pd

from sn7ml.core.runtime.parallel import map_items
from sn7ml.metrics.identified import NONE, IdentifiedFootprints, split_by_aoi

Result = TypeVar("Result")

WORTH_PROCESSES = 500_000
"""Rows from which AOIs are spread over processes: fewer are scored in less time than the processes take to start."""


@dataclass(frozen=True)
class AoiFootprints:
    """The rows of one AOI; either side may be empty."""

    truth: IdentifiedFootprints
    proposals: IdentifiedFootprints


def pair_aois(truth: pd.DataFrame, proposals: pd.DataFrame) -> dict[str, AoiFootprints]:
    """Pair the two tables by AOI: every AOI of either, in order of name. Raises as ``identified.split_by_aoi`` does."""
    left, right = split_by_aoi(truth, "truth"), split_by_aoi(proposals, "proposal")
    return {aoi: AoiFootprints(left.get(aoi, NONE), right.get(aoi, NONE)) for aoi in sorted({*left, *right})}


Function = Callable[[AoiFootprints], Result]
Aois = Mapping[str, AoiFootprints]


class AoiMap(Protocol):
    """Applies a picklable function to every AOI; the results keep names and order."""

    def __call__(self, function: Function[Result], aois: Aois, /) -> dict[str, Result]:
        """Apply ``function`` to every AOI of ``aois``."""


def one_by_one(function: Function[Result], aois: Aois, /) -> dict[str, Result]:
    """Go through the AOIs in this process."""
    return {name: function(aoi) for name, aoi in aois.items()}


def in_processes(function: Function[Result], aois: Aois, /) -> dict[str, Result]:
    """Go through the AOIs with ``map_items`` where that pays, else one by one.

    Processes are spawned, so a script that gets here must guard its own start (``if __name__ == "__main__"``).
    """
    rows = sum(len(aoi.truth) + len(aoi.proposals) for aoi in aois.values())
    return one_by_one(function, aois) if rows < WORTH_PROCESSES else map_items(function, aois)
