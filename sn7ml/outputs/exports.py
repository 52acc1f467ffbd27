"""Footprints for other programs: GeoJSON by month, and counts by month as CSV."""

from collections.abc import Mapping
from pathlib import Path

import geopandas
import pandas as pd
import shapely

from sn7ml.core.geo.grid import Grid
from sn7ml.core.runtime.files import replacing, write_text
from sn7ml.core.schemas import Table
from sn7ml.scenes.input_checks import ground_pixel_size_m

DECIMALS = 2
"""Decimals of coordinates in GeoJSON: a centimetre."""

COUNTS = Table(
    "counts",
    dict.fromkeys(("aoi", "time"), "text")
    | dict.fromkeys(("buildings", "new_buildings"), "int")
    | dict.fromkeys(("area_px2", "area_m2", "usable_fraction"), "float"),
    key=("aoi", "time"),
)
"""Buildings of each frame. A building under a cloud is in neither ``buildings`` nor the areas: see ``usable_fraction``.
``new_buildings`` were born in this month; 0 in the first month of an AOI, where births cannot be seen."""


def write_geojson(folder: Path, tracks: pd.DataFrame, frames: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write ``<AOI>/<month>.geojson`` for every frame (``SOURCES``) of the AOIs in ``grids``, in the image's CRS.

    The member ``crs`` names the CRS, as in SpaceNet's own labels. GDAL, QGIS and geopandas read this older form of
    GeoJSON. A frame without a building gets a file without features.
    """
    by_frame = {key: rows for key, rows in tracks.groupby(["aoi", "time"], sort=False)}
    for aoi, month in zip(frames["aoi"], frames["time"], strict=True):
        grid, rows = grids[aoi], by_frame.get((aoi, month), tracks[:0])
        polygons = rows["geometry"].to_numpy(dtype=object)
        table = geopandas.GeoDataFrame(
            {
                "id": rows["id"],
                "birth_month": rows["birth_month"],
                "birth_probability": rows["birth_probability"].round(4),
                "confidence": rows["confidence"].round(4),
                "area_m2": (shapely.area(polygons) * ground_pixel_size_m(grid) ** 2).round(1),
            },
            geometry=shapely.transform(grid.to_crs(polygons), lambda xy: xy.round(DECIMALS)),
            crs=f"EPSG:{grid.epsg}",
        )
        write_text(folder / aoi / f"{month}.geojson", table.to_json(drop_id=True) + "\n")


def count_buildings(
    tracks: pd.DataFrame, frames: pd.DataFrame, grids: Mapping[str, Grid], usable: Mapping[tuple[str, str], float]
) -> pd.DataFrame:
    """Return ``COUNTS``: a row per frame of ``SOURCES``, in their order; a frame without a building counts 0.

    Square metres are those of the ground at the middle of the AOI's grid. ``usable`` maps (aoi, month) to the share of
    usable pixels.
    """
    counts = frames[["aoi", "time"]].reset_index(drop=True)
    keys = pd.MultiIndex.from_frame(counts)
    areas = pd.Series(shapely.area(tracks["geometry"].to_numpy(dtype=object)), index=tracks.index)
    visible = areas.groupby([tracks["aoi"], tracks["time"]])
    born = tracks.drop_duplicates(["aoi", "id"]).groupby(["aoi", "birth_month"]).size()
    first = counts["time"] == counts.groupby("aoi")["time"].transform("min")
    side_m = counts["aoi"].map({aoi: ground_pixel_size_m(grid) for aoi, grid in grids.items()})
    area_px2 = visible.sum().reindex(keys, fill_value=0.0).to_numpy(dtype=float)
    counts["buildings"] = visible.size().reindex(keys, fill_value=0).to_numpy(dtype=int)
    counts["new_buildings"] = born.reindex(keys, fill_value=0).where(~first.to_numpy(), 0).to_numpy(dtype=int)
    counts["area_px2"], counts["area_m2"] = area_px2.round(1), (area_px2 * side_m**2).round(1)
    counts["usable_fraction"] = [round(usable[key], 4) for key in keys]
    return COUNTS.check(counts)


def write_counts(path: Path, counts: pd.DataFrame) -> None:
    """Write ``COUNTS`` as CSV."""
    with replacing(path) as temporary:
        counts.to_csv(temporary, index=False, lineterminator="\n")
