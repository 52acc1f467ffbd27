"""Which tracker: probabilities of an AOI in, footprints with ids out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import shapely

from sn7ml.buildings.baseline import track_baseline
from sn7ml.buildings.changepoint import track_changepoint
from sn7ml.buildings.collapse import track_collapse
from sn7ml.geo.probabilities import Probabilities
from sn7ml.params import TrackParams


def track_buildings(cube: Mapping[str, Probabilities], upsampling: int, params: TrackParams) -> pd.DataFrame:
    """Follow the buildings of one AOI through its months with the tracker that ``params.method`` names.

    Returns
    -------
    DataFrame
        ``TRACKS`` without ``aoi``: one row per building and month in which it can be seen; ids are text, unique within
        the AOI; outlines in pixel coordinates of the original image. No rows where nothing is found.
    """
    match params.method:
        case "changepoint":
            found = track_changepoint(cube, upsampling, params.changepoint)
        case "collapse":
            found = track_collapse(cube, upsampling, params)
        case "baseline":
            found = track_baseline(cube, upsampling, params)
    return shifted(found, params)


def shifted(found: pd.DataFrame, params: TrackParams) -> pd.DataFrame:
    """Move outlines from where buildings are seen to where labels have them: by ``shift_x_px`` and ``shift_y_px``."""
    shift_px = params.shift_x_px, params.shift_y_px
    moved = shapely.transform(found["geometry"].to_numpy(), lambda xy: np.add(xy, shift_px))
    return found.assign(geometry=pd.Series(moved, index=found.index, dtype="object"))
