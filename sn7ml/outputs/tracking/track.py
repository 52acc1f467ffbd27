"""Choose the tracker: probabilities of an AOI in, footprints with ids out."""

from collections.abc import Mapping

import pandas as pd

from sn7ml.core.geo.polygons import moved
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.outputs.tracking.baseline import track_baseline
from sn7ml.outputs.tracking.changepoint import track_changepoint
from sn7ml.outputs.tracking.collapse import track_collapse
from sn7ml.params import TrackParams


def track_buildings(cube: Mapping[str, Probabilities], upsampling: int, params: TrackParams) -> pd.DataFrame:
    """Track the buildings of one AOI with the tracker that ``params.method`` names.

    Gives ``TRACKS`` without ``aoi``: one row per building and month in which it can be seen; ids are text, unique
    within the AOI; outlines in pixel coordinates of the original image. No rows if nothing is found.
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
    """Move outlines from where buildings are seen to where labels have them; no rows give none.

    By ``shift_x_px`` and ``shift_y_px``, pixels of the original image; all columns but ``geometry`` stay.
    """
    outlines = moved(found["geometry"].to_numpy(), params.shift_x_px, params.shift_y_px)
    return found.assign(geometry=pd.Series(outlines, index=found.index, dtype="object"))
