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
    {
        "aoi": "text", "time": "text", "buildings": "int", "new_buildings": "int", "area_px2": "float", "area_m2": "float",
        "usable_fraction": "float",
    },
    key=("aoi", "time"),
)  # fmt: skip
"""Buildings of each frame. A building under a cloud is in neither ``buildings`` nor the areas: see ``usable_fraction``.
``new_buildings`` were born in this month; 0 in the first month of an AOI, where births cannot be seen."""


def write_geojson(folder: Path, tracks: pd.DataFrame, frames: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write ``<AOI>/<month>.geojson`` for every frame of the AOIs in ``grids``, in the image's CRS.

    The member ``crs`` names the CRS, as in SpaceNet's own labels. GDAL, QGIS and geopandas read this older form of GeoJSON.
    A frame without a building gets a file without features.

    Parameters
    ----------
    folder
        Where to write.
    tracks
        ``TRACKS``.
    frames
        ``SOURCES``.
    grids
        AOI to the grid of its images.
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
    """Count the buildings of every frame and add up their areas.

    Parameters
    ----------
    tracks, frames
        ``TRACKS`` and ``SOURCES``.
    grids
        AOI to the grid of its images. Square metres are those of the ground at the middle of the grid.
    usable
        (aoi, month) to the share of usable pixels.

    Returns
    -------
    pd.DataFrame
        ``COUNTS``, a row per frame, in their order; a frame without a building counts 0.
    """
    counts = frames[["aoi", "time"]].reset_index(drop=True)
    keys = pd.MultiIndex.from_frame(counts)
    visible = tracks.assign(area=shapely.area(tracks["geometry"].to_numpy(dtype=object))).groupby(["aoi", "time"])[
        "area"
    ]
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
