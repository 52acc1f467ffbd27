"""Footprints for other programs: vector files, masks, and counts as CSV."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray

from sn7ml.core.errors import TableError
from sn7ml.core.geo.burn import burn_ids
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.ground import outline_areas_m2
from sn7ml.core.runtime.files import replacing, write_text
from sn7ml.core.schemas import Table
from sn7ml.scenes.input_checks import ground_pixel_size_m
from sn7ml.scenes.rasters import write_bands

DECIMALS = 2
"""Decimals of coordinates in GeoJSON: a centimetre."""

DEGREES = 4326

OUTLINES = "buildings"
"""Name of the files of all outlines, and of their layer."""

NO_DATE = "2000-01-01T00:00:00.000Z"
"""What a GeoPackage says of its last change, so that the same outlines give the same bytes."""

GROUND, BUILT, UNUSABLE = 0, 1, 255
"""Values of a mask."""

Usable: TypeAlias = Mapping[tuple[str, str], NDArray[np.bool_]]
"""(aoi, time) of an image to its pixels with evidence: (rows, cols)."""

SCENE_COUNTS = Table(
    "scene counts",
    {"aoi": "text", "time": "text", "buildings": "int"}
    | dict.fromkeys(("area_px2", "area_m2", "usable_fraction"), "float"),
    key=("aoi", "time"),
)
"""Buildings of each single image. What is not usable is not searched: see ``usable_fraction``."""

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
    """Write ``COUNTS`` or ``SCENE_COUNTS`` as CSV."""
    with replacing(path) as temporary:
        counts.to_csv(temporary, index=False, lineterminator="\n")


def with_areas(found: pd.DataFrame, grids: Mapping[str, Grid]) -> pd.DataFrame:
    """Add ``area_m2``, the area on the ground, to rows with an ``aoi`` and a geometry in pixels."""
    areas = pd.Series(0.0, index=found.index)
    for aoi, rows in found.groupby("aoi"):
        areas[rows.index] = outline_areas_m2(rows["geometry"].to_numpy(dtype=object), grids[str(aoi)])
    return found.assign(area_m2=areas.round(2))


def write_outlines(folder: Path, found: pd.DataFrame, grids: Mapping[str, Grid]) -> None:
    """Write the outlines of all images, with ``confidence`` and ``area_m2``, as a GeoPackage and as GeoJSON.

    ``buildings.gpkg`` is in the CRS of the images, or in EPSG:4326 if they have several. ``buildings.geojson`` follows
    RFC 7946: longitude and latitude on WGS 84, outer rings counter-clockwise, no member ``crs``.

    Raises TableError if a file cannot be written.
    """
    tables = []
    for aoi, grid in grids.items():
        rows = found.loc[found["aoi"] == aoi, ["aoi", "time", "id", "confidence", "area_m2", "geometry"]]
        geometry = grid.to_crs(rows["geometry"].to_numpy(dtype=object))
        rows = rows.drop(columns="geometry").assign(confidence=rows["confidence"].round(4))
        tables.append(geopandas.GeoDataFrame(rows, geometry=geometry, crs=f"EPSG:{grid.epsg}"))
    crs = tables[0].crs if len({grid.epsg for grid in grids.values()}) == 1 else f"EPSG:{DEGREES}"
    table = pd.concat([table.to_crs(crs) for table in tables], ignore_index=True)
    write_vector(folder / f"{OUTLINES}.gpkg", table, OUTLINES, driver="GPKG", geometry_type="Polygon")
    # GDAL turns rings, cuts at the antimeridian and rounds to 7 decimals: a centimetre.
    degrees = table.to_crs(f"EPSG:{DEGREES}")
    write_vector(folder / f"{OUTLINES}.geojson", degrees, OUTLINES, driver="GeoJSON", RFC7946="YES")


def write_vector(path: Path, table: geopandas.GeoDataFrame, layer: str, **options: str) -> None:
    """Write a vector file whose bytes depend on its content alone. Raises TableError if it cannot be written."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": NO_DATE})
    try:
        with replacing(path) as temporary:
            table.to_file(temporary, layer=layer, engine="pyogrio", **options)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError) as error:
        raise TableError("footprints.cannot-write", f"{path}: cannot be written, is the disk full? ({error})") from None
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_masks(folder: Path, found: pd.DataFrame, grids: Mapping[str, Grid], usable: Usable) -> None:
    """Write ``<AOI>/<time>.tif`` on the grid of each image: ``GROUND``, ``BUILT``, and ``UNUSABLE`` as nodata."""
    for (aoi, time), seen in usable.items():
        here = found[(found["aoi"] == aoi) & (found["time"] == time)]
        built = burn_ids(here["geometry"].tolist(), seen.shape) > 0
        mask = np.where(seen, np.where(built, BUILT, GROUND), UNUSABLE).astype(np.uint8)
        write_bands(folder / aoi / f"{time}.tif", [mask], [OUTLINES], grids[aoi], nodata=UNUSABLE)


def count_scenes(found: pd.DataFrame, usable: Usable) -> pd.DataFrame:
    """Return ``SCENE_COUNTS`` of outlines ``with_areas``, a row per image of ``usable``."""
    rows = []
    for (aoi, time), seen in usable.items():
        here = found[(found["aoi"] == aoi) & (found["time"] == time)]
        area_px2 = float(shapely.area(here["geometry"].to_numpy(dtype=object)).sum())
        sums = (round(area_px2, 1), round(float(here["area_m2"].sum()), 1), round(float(seen.mean()), 4))
        rows.append((aoi, time, len(here), *sums))
    return SCENE_COUNTS.check(pd.DataFrame(rows, columns=list(SCENE_COUNTS.columns)))
