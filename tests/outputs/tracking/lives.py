"""Houses drawn by hand, followed by the tracker changepoint, and what is told of their lives."""

import pandas as pd
from shapely.geometry import Polygon, box

from sn7ml.outputs.tracking.changepoint import track_changepoint
from sn7ml.params import ChangepointParams, PeakParams
from tests.outputs.tracking.drawings import SEEN_PERFECTLY, changepoint_params, cube_of, frame

GROUND = """
    ..........
    ..........
    ..........
"""
HOUSE = """
    ..........
    .aaa......
    .aaa......
"""
CLOUD_OVER_IT = """
    ????......
    ????......
    ????......
"""
TWO_HOUSES = """
    ..........
    .aaa..bbb.
    .aaa..bbb.
"""
A, B = box(1, 1, 4, 3), box(6, 1, 9, 3)


def params(**births: float) -> ChangepointParams:
    return changepoint_params(**{**SEEN_PERFECTLY, **births})


def with_peaks(change: PeakParams, static: PeakParams) -> ChangepointParams:
    return params().model_copy(update={"change": change, "static": static})


def track(*drawings: str, upsampling: int = 1, sure: int = 255, how: ChangepointParams | None = None) -> pd.DataFrame:
    frames = [frame(drawing, upsampling, sure) for drawing in drawings]
    return track_changepoint(cube_of(frames), upsampling, how or params())


def month(number: int) -> str:
    return f"2018-{number:02d}"


def months_of(tracks: pd.DataFrame) -> list[int]:
    """Return the months of the only building, from 1 on."""
    assert tracks["id"].nunique() == 1
    return [int(name[-2:]) for name in tracks["time"]]


def born(tracks: pd.DataFrame) -> dict[Polygon, str]:
    """Return the month of birth of every outline; one outline and one birth per id."""
    assert (tracks.groupby("id")[["birth_month", "birth_probability", "confidence"]].nunique() == 1).all(axis=None)
    rows = zip(tracks["id"], tracks["geometry"], tracks["birth_month"], strict=True)
    outlines = {(name, geometry.normalize()): birth for name, geometry, birth in rows}
    assert len(outlines) == tracks["id"].nunique()
    return {geometry: birth for (_, geometry), birth in outlines.items()}
