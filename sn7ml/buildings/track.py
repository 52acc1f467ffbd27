"""Which tracker: probabilities of an AOI in, footprints with ids out."""

from collections.abc import Mapping

import pandas as pd

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
            return track_changepoint(cube, upsampling, params.changepoint)
        case "collapse":
            return track_collapse(cube, upsampling, params)
        case "baseline":
            return track_baseline(cube, upsampling, params)
