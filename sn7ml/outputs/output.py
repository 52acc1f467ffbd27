"""The seam between rasters of probabilities and what a user wants."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.core.schemas import Table
from sn7ml.params import OutputParams

Extract = Callable[[OutputParams], pd.DataFrame]
"""Makes the objects of one AOI, columns of the output's table without ``aoi``; no rows where nothing is found."""


@dataclass(frozen=True)
class Output:
    """What a task makes of probabilities."""

    name: str
    """Its sub-section of section ``output``."""

    table: Table
    """Of the objects of all AOIs."""

    channels: tuple[str, ...] | None
    """Of the probabilities that it is made of, in this order; None takes what there is."""

    prepare: Callable[[Mapping[str, Probabilities], int], Extract]
    """Takes one AOI's probabilities by time, and their up-sampling; returns what makes objects of them. What no param
    changes is worked out once, so that a search over params calls the result again at little cost."""

    write: Callable[[Path, pd.DataFrame, Mapping[str, Grid]], None]
    """Writes the objects of all AOIs into a folder, in pixel coordinates of the original images given their grids."""

    read: Callable[[Path, Mapping[str, Grid]], pd.DataFrame]
    """Reads what ``write`` wrote, and raises TableError naming the file that cannot be read."""

    read_outlines: Callable[[Path, Mapping[str, Grid]], pd.DataFrame]
    """Reads ``POLYGONS`` of what any version of ``write`` wrote: a registered model is run by the code it came with."""

    said: Callable[[pd.DataFrame], str]
    """Sums up the objects of all AOIs in a few words, such as "47 buildings"."""

    sums: Callable[[pd.DataFrame], dict[str, int]]
    """The same as numbers, for ``predict.json``."""

    folder: str = "footprints"
    """Where a prediction has what ``write`` writes, below its own folder; "" is that itself."""

    needs_place: bool = True
    """Whether images that do not say where they lie are of no use."""

    export: Callable[[Path, pd.DataFrame, Mapping[str, Grid], Path, OutputParams], pd.DataFrame] | None = None
    """Writes what other programs read into a folder, given the folder of probabilities as well, and returns what there
    is to count in each image; None for outputs of series, whose exports only a prediction has."""
