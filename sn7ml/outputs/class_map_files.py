"""Files of class maps: GeoTIFF with colours, style for QGIS, picture, heat maps, polygons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import geopandas
import numpy as np
import pandas as pd
import rasterio.features
import shapely
from numpy.typing import NDArray
from PIL import Image

from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.ground import outline_areas_m2
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.core.runtime.files import replacing, write_text
from sn7ml.outputs.exports import DEGREES, write_vector
from sn7ml.params import LandUseParams
from sn7ml.scenes.rasters import write_bands
from sn7ml.targets.classes import UNKNOWN

PALETTE = (
    "#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB", "#EE8866", "#44BB99", "#997755",
)  # fmt: skip
"""Colours of classes that have none of their own (after Tol), in order."""

UNKNOWN_COLOUR = "#000000"
LAYER = "classes"
BAND = "class"
PERCENT = 100.0


def class_colours(names: Sequence[str], params: LandUseParams) -> dict[str, str]:
    """Return the colour of each class, in the order of ``names``: its own, or one of ``PALETTE``."""
    return {name: params.colours.get(name, PALETTE[place % len(PALETTE)]) for place, name in enumerate(names)}


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue.

    >>> rgb("#8429F6")
    (132, 41, 246)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def write_map(path: Path, classes: NDArray[np.uint8], colours: Mapping[str, str], grid: Grid) -> None:
    """Write a class map (rows, cols) as a GeoTIFF with a colour table, and a style of QGIS beside it.

    ``colours`` are those of all classes, in their order. Of an image that lies nowhere, a PNG in colours comes with it.
    """
    table = {place: rgb(colour) for place, colour in enumerate(colours.values())}
    write_bands(path, [classes], [BAND], grid, nodata=UNKNOWN, colours=table)
    write_text(path.with_suffix(".qml"), _style(colours))
    if not grid.placed:
        with replacing(path.with_suffix(".png")) as temporary:
            picture(classes, colours).save(temporary, format="PNG", optimize=True)


def picture(classes: NDArray[np.uint8], colours: Mapping[str, str]) -> Image.Image:
    """Return a class map in its colours; what is unknown is black."""
    image = Image.fromarray(classes)
    flat = np.zeros((256, 3), np.uint8)
    flat[UNKNOWN] = rgb(UNKNOWN_COLOUR)
    flat[: len(colours)] = [rgb(colour) for colour in colours.values()]
    image.putpalette(flat.ravel().tolist())
    return image


def _style(colours: Mapping[str, str]) -> str:
    """Return a style of QGIS (QML): the names and colours of the values."""
    root = ElementTree.Element("qgis", version="3.22")
    pipe = ElementTree.SubElement(root, "pipe")
    renderer = ElementTree.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1")
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for place, (name, colour) in enumerate(colours.items()):
        entry = {"value": str(place), "label": name, "color": colour.lower(), "alpha": "255"}
        ElementTree.SubElement(palette, "paletteEntry", entry)
    ElementTree.indent(root)
    return "<!DOCTYPE qgis>\n" + ElementTree.tostring(root, encoding="unicode") + "\n"


def write_heat(path: Path, found: Probabilities, names: Sequence[str], grid: Grid) -> None:
    """Write the probability of each class as a band, which GDAL and QGIS show as 0 to 100 %.

    ``found`` has the scale of the image; where there is no evidence, all bands are 0 and the last one, ``usable``, too.
    """
    bands = [*found.channels, found.usable.astype(np.uint8) * np.uint8(CERTAIN)]
    meaning = [(PERCENT / CERTAIN, 0.0, "%")] * len(names) + [(1.0, 0.0, "")]
    write_bands(path, bands, [*names, "usable"], grid, meaning=meaning)


@dataclass(frozen=True)
class PlacedMap:
    """A class map of an image that lies somewhere."""

    aoi: str
    time: str
    classes: NDArray[np.uint8]
    names: Sequence[str]
    grid: Grid


def write_polygons(path: Path, maps: Sequence[PlacedMap]) -> None:
    """Write the areas of each class as polygons, with their ground area, as a GeoPackage; nothing if there is no map.

    In the CRS of the images, or in EPSG:4326 if they have several. Raises TableError if it cannot be written.
    """
    if not maps:
        path.unlink(missing_ok=True)
        return
    tables = [_polygons(one) for one in maps]
    crs = tables[0].crs if len({one.grid.epsg for one in maps}) == 1 else f"EPSG:{DEGREES}"
    table = pd.concat([table.to_crs(crs) for table in tables], ignore_index=True)
    write_vector(path, table, LAYER, driver="GPKG", geometry_type="Polygon")


def _polygons(one: PlacedMap) -> geopandas.GeoDataFrame:
    found = list(rasterio.features.shapes(one.classes, mask=one.classes != UNKNOWN, connectivity=4))
    shapes = np.array([shapely.geometry.shape(shape) for shape, _ in found], dtype=object)
    rows = {
        "aoi": one.aoi,
        "time": one.time,
        "class": [one.names[int(value)] for _, value in found],
        "area_m2": outline_areas_m2(shapes, one.grid).round(2),
    }
    return geopandas.GeoDataFrame(rows, geometry=one.grid.to_crs(shapes), crs=f"EPSG:{one.grid.epsg}")
