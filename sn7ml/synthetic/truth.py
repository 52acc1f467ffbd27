"""What is true of synthetic images, on the ground: a row each in ``truth.csv``, by geodesics of WGS 84."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Geod

TRUTH = "truth.csv"

ToDegrees = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Pixels ``(x, y)``, (n, 2), to longitude and latitude."""

WGS84 = Geod(ellps="WGS84")


def within(outlines: NDArray[np.object_], shape: tuple[int, int]) -> NDArray[np.object_]:
    """Return the parts of outlines that an image of (rows, cols) shows, without those that it does not show at all."""
    seen = shapely.intersection(outlines, shapely.box(0, 0, shape[1], shape[0]))
    return np.asarray(seen[shapely.area(seen) > 0], dtype=object)


def row_of(aoi: str, seen: NDArray[np.object_], shape: tuple[int, int], to_degrees: ToDegrees) -> dict[str, object]:
    """Return the row of one image: its buildings, their ground area, and the share of its pixels that they take."""
    on_earth = shapely.transform(seen, to_degrees)
    area_m2 = sum(abs(WGS84.geometry_area_perimeter(each)[0]) for each in on_earth)
    share = shapely.area(shapely.union_all(seen)) / (shape[0] * shape[1])
    return {"aoi": aoi, "buildings": len(seen), "area_m2": round(area_m2, 2), "built_fraction": round(share, 6)}


def write_truth(folder: Path, rows: list[dict[str, object]]) -> None:
    """Write ``truth.csv``: aoi, buildings, area_m2, built_fraction."""
    (folder / TRUTH).write_text(pd.DataFrame(rows).to_csv(index=False), encoding="utf-8")
