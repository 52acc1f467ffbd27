"""Tracks as an output: footprints with ids and birth months, and the challenge's submission."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import pandas as pd

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.polygons import moved
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.core.schemas import TRACKS
from sn7ml.outputs.footprints import read_footprints, read_outlines, write_footprints
from sn7ml.outputs.output import Extract, Output
from sn7ml.outputs.submission import write_submission
from sn7ml.outputs.tracking.baseline import track_baseline
from sn7ml.outputs.tracking.changepoint import track_changepoint
from sn7ml.outputs.tracking.collapse import track_collapse
from sn7ml.outputs.tracking.evidence import ChangeEvidence, collapse_change
from sn7ml.params import RimsParams, TrackParams

SUBMISSION = "submission.csv"


def prepare(cube: Mapping[str, Probabilities], upsampling: int) -> Extract:
    """Return what tracks one AOI by given params; it keeps the evidence of the last two ``tail_months``."""
    collapse = lru_cache(maxsize=2)(partial(collapse_change, cube))
    return lambda params: track_buildings(cube, upsampling, params.of_tracks(), collapse)


def track_buildings(
    cube: Mapping[str, Probabilities],
    upsampling: int,
    params: TrackParams,
    collapse: Callable[[int], ChangeEvidence] | None = None,
) -> pd.DataFrame:
    """Track the buildings of one AOI with the tracker that ``params.method`` names.

    Gives ``TRACKS`` without ``aoi``: one row per building and month in which it can be seen; ids are text, unique
    within the AOI; outlines in pixel coordinates of the original image, moved by ``shift_x_px`` and ``shift_y_px`` from
    where buildings are seen to where labels have them. No rows if nothing is found. ``collapse`` is as for
    :func:`track_changepoint`.
    """
    match params.method:
        case "changepoint":
            found = track_changepoint(cube, upsampling, params.changepoint, collapse)
        case "collapse":
            found = track_collapse(cube, upsampling, params)
        case "baseline":
            found = track_baseline(cube, upsampling, params)
    outlines = moved(found["geometry"].to_numpy(), params.shift_x_px, params.shift_y_px)
    return found.assign(geometry=pd.Series(outlines, index=found.index, dtype="object"))


def write(folder: Path, tracks: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write ``<AOI>.parquet`` for every AOI of ``grids``, and ``submission.csv`` of all."""
    write_footprints(folder, tracks, grids)
    write_submission(folder / SUBMISSION, tracks)


def said(tracks: pd.DataFrame) -> str:
    """Say how many buildings and footprints there are."""
    return "{buildings} buildings, {footprints} footprints".format(**sums(tracks))


def sums(tracks: pd.DataFrame) -> dict[str, int]:
    """Count buildings, of which one that stands for many months counts once, and footprints."""
    return {"buildings": len(tracks.drop_duplicates(["aoi", "id"])), "footprints": len(tracks)}


TRACKS_OUTPUT = Output(
    "tracks", TRACKS, RimsParams.channels, prepare, write, read_footprints, read_outlines, said, sums
)
