"""Draw one campaign of `sn7ml areas`, read in three ways: shares, counts and outlines.

    python -m benchmarks.draw_areas CAMPAIGN TILES PICTURE [--tile-px 256]

CAMPAIGN is the folder that `sn7ml areas` wrote, TILES its tiles, PICTURE a PNG.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from morecantile import Tile
from numpy.typing import NDArray

from sn7ml.areas.blocks import grid_over
from sn7ml.areas.merge import AREAS, OUTLINES
from sn7ml.areas.source import SourceOptions
from sn7ml.core.geo.grid import WEB_MERCATOR
from sn7ml.core.runtime.files import replacing
from sn7ml.report.maps.drawing import SMALL, png
from sn7ml.report.palette import FOUND_RGB, GROUND, INK

WIDTH_IN, DPI = 10.4, 110
DENSITY = "magma"
TITLES = "built share of each tile", "buildings, each in the tile of its centroid", "outlines"


@dataclass(frozen=True)
class Drawn:
    """A campaign in pixels of its map, which begins at its north-west tile."""

    pixels: NDArray[np.uint8]
    """(rows, cols, 3)."""

    areas: pd.DataFrame
    """``areas.csv``, with ``left`` and ``top`` of each tile."""

    outlines: Sequence[shapely.Polygon]
    tile_px: int


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("tiles")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--tile-px", type=int, default=256)
    asked = parser.parse_args()
    figure = three_ways(read(asked.campaign, asked.tiles, asked.tile_px))
    with replacing(asked.picture) as temporary:
        temporary.write_bytes(png(figure))


def read(campaign: Path, tiles: str, tile_px: int) -> Drawn:
    """Read a campaign and its tiles."""
    areas = pd.read_csv(campaign / AREAS, dtype={"buildings": "Int64"})
    west, north = areas["x"].min(), areas["y"].min()
    areas = areas.assign(left=(areas["x"] - west) * tile_px, top=(areas["y"] - north) * tile_px)
    rows, cols = int(areas["top"].max()) + tile_px, int(areas["left"].max()) + tile_px
    pixels = np.full((rows, cols, 3), 255, np.uint8)
    source = SourceOptions(tiles, tile_px).open()
    for x, y, z, left, top in areas[["x", "y", "z", "left", "top"]].to_numpy(int).tolist():
        found = source.fetch(Tile(x, y, z)).pixels
        if found is not None:
            pixels[top : top + tile_px, left : left + tile_px] = np.moveaxis(found[:3], 0, 2)
    grid = grid_over(int(west), int(north), int(areas["z"].iloc[0]), tile_px, (rows, cols))
    t = ~grid.transform
    shapes = geopandas.read_file(campaign / OUTLINES).to_crs(WEB_MERCATOR).geometry.explode()
    placed = shapes.affine_transform([t.a, t.b, t.d, t.e, t.c, t.f])
    return Drawn(pixels, areas, list(placed), tile_px)


def three_ways(drawn: Drawn) -> Figure:
    """Return the map three times: with the built share of each tile, the count of each, and all outlines."""
    rows, cols = drawn.pixels.shape[:2]
    height_in = WIDTH_IN / 3 * rows / cols + 0.3
    figure = Figure((WIDTH_IN, height_in), dpi=DPI, facecolor=GROUND, layout=ConstrainedLayoutEngine())
    panels = figure.subplots(1, 3)
    for axes, title in zip(panels, TITLES, strict=True):
        axes.set_title(title, fontsize=SMALL + 1, color=INK)
        axes.set_axis_off()
    faded = (drawn.pixels // 2 + 100).astype(np.uint8)
    scale = ScalarMappable(Normalize(0, float(drawn.areas["covered_fraction"].max()) or 1.0), DENSITY)
    panels[0].imshow(faded)
    measured = drawn.areas.dropna(subset="covered_fraction")
    squares = [_square(left, top, drawn.tile_px) for left, top in measured[["left", "top"]].to_numpy(float).tolist()]
    shades = scale.to_rgba(measured["covered_fraction"].to_numpy(float), alpha=0.75)
    panels[0].add_collection(PolyCollection(squares, facecolors=shades, edgecolors="white", lw=0.5))
    half, orange = drawn.tile_px / 2, tuple(value / 255 for value in FOUND_RGB)
    for left, top, share in measured[["left", "top", "covered_fraction"]].to_numpy(float).tolist():
        _number(panels[0], left + half, top + half, f"{share:.0%}")
    panels[1].imshow(faded)
    for left, top, count in measured[["left", "top", "buildings"]].to_numpy(int).tolist():
        _number(panels[1], left + half, top + half, str(count))
    places = [shape.representative_point() for shape in drawn.outlines]
    panels[1].scatter([place.x for place in places], [place.y for place in places], s=4, color=orange)
    panels[2].imshow(drawn.pixels)
    rims = [np.asarray(shape.exterior.coords) for shape in drawn.outlines]
    panels[2].add_collection(PolyCollection(rims, facecolors="none", edgecolors=[orange], lw=0.9))
    for axes in panels:
        axes.set(xlim=(0, cols), ylim=(rows, 0))
    return figure


def _square(left: float, top: float, side: float) -> NDArray[np.float64]:
    return np.array([(left, top), (left + side, top), (left + side, top + side), (left, top + side)], float)


def _number(axes: Axes, x: float, y: float, text: str) -> None:
    outline = [withStroke(linewidth=2.5, foreground="white")]
    axes.text(x, y, text, ha="center", va="center", fontsize=SMALL + 0.5, color=INK, path_effects=outline)


if __name__ == "__main__":
    main()
