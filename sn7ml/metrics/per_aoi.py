"""What is known of one AOI, and two ways to go through the AOIs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pandas as pd

from sn7ml.core.runtime.parallel import map_items
from sn7ml.metrics.identified import NONE, Sightings, split_by_aoi

Result = TypeVar("Result")

WORTH_PROCESSES = 500_000
"""Rows from which several AOIs go to several processes: fewer are scored in less time than the processes take to start."""


@dataclass(frozen=True)
class Area:
    """The rows of one AOI, either of which may be none."""

    truth: Sightings
    proposals: Sightings


def pair_areas(truth: pd.DataFrame, proposals: pd.DataFrame) -> dict[str, Area]:
    """Bring the two tables together by AOI: every AOI of either, in order of name.

    Raises
    ------
    TableError
        See :func:`sn7ml.metrics.identified.split_by_aoi`.
    """
    left, right = split_by_aoi(truth, "truth"), split_by_aoi(proposals, "proposal")
    return {aoi: Area(left.get(aoi, NONE), right.get(aoi, NONE)) for aoi in sorted({*left, *right})}


class AreaMap(Protocol):
    """Applies a picklable function to every AOI; the results keep their names and order."""

    def __call__(self, function: Callable[[Area], Result], areas: Mapping[str, Area], /) -> dict[str, Result]:
        """Apply ``function`` to every AOI of ``areas``."""


def one_by_one(function: Callable[[Area], Result], areas: Mapping[str, Area], /) -> dict[str, Result]:
    """Go through the AOIs in this process."""
    return {aoi: function(area) for aoi, area in areas.items()}


def in_processes(function: Callable[[Area], Result], areas: Mapping[str, Area], /) -> dict[str, Result]:
    """Go through the AOIs with ``map_items`` where that pays, else one by one.

    Processes are spawned, so a script that gets here must guard its own start (``if __name__ == "__main__"``).
    """
    rows = sum(len(area.truth) + len(area.proposals) for area in areas.values())
    return one_by_one(function, areas) if rows < WORTH_PROCESSES else map_items(function, areas)
