"""Tracks as an output: footprints with ids and birth months, and the challenge's submission."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import pandas as pd

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.core.schemas import TRACKS
from sn7ml.outputs.footprints import read_footprints, read_outlines, write_footprints
from sn7ml.outputs.output import Extract, Output
from sn7ml.outputs.submission import write_submission
from sn7ml.outputs.tracking.changepoint import decide
from sn7ml.outputs.tracking.evidence import collapse_change
from sn7ml.outputs.tracking.track import shifted, track_buildings
from sn7ml.params import OutputParams, RimsParams

SUBMISSION = "submission.csv"


def prepare(cube: Mapping[str, Probabilities], upsampling: int) -> Extract:
    """Return what tracks one AOI by given params; it keeps the evidence of the last two ``tail_months``."""
    evidence = lru_cache(maxsize=2)(lambda tail_months: collapse_change(cube, tail_months))

    def extract(params: OutputParams) -> pd.DataFrame:
        tracks = params.tracks
        if tracks.method != "changepoint" or not cube:
            return track_buildings(cube, upsampling, tracks)
        found = decide(cube, evidence(tracks.changepoint.tail_months), upsampling, tracks.changepoint)
        return shifted(found, tracks)

    return extract


def write(folder: Path, tracks: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write ``<AOI>.parquet`` for every AOI of ``grids``, and ``submission.csv`` of all."""
    write_footprints(folder, tracks, grids)
    write_submission(folder / SUBMISSION, tracks)


TRACKS_OUTPUT = Output("tracks", TRACKS, RimsParams.channels, prepare, write, read_footprints, read_outlines)
