"""From the results of all blocks to one table by tile, and to the outline of each building across tiles and blocks."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sn7ml.areas.blocks import Block
from sn7ml.areas.measure import PARTIAL, SEEN
from sn7ml.areas.results import Results
from sn7ml.core.runtime.files import replacing

AREAS, OUTLINES, GEOJSON = "areas.csv", "buildings.gpkg", "buildings.geojson"

SHARED = 0.5
"""Parts in two blocks are one building where they share this much of the shorter of their edges along the border.
Buildings side by side share a pixel or two there if the two blocks see the wall between them at different places."""

BLOCKS_AT_ONCE = 256
"""Of which outlines are in memory, besides those at edges of blocks."""

DEGREE_DECIMALS = 7
"""Of coordinates: a centimetre."""

SAME_DATE = "2000-01-01T00:00:00.000Z"
"""In place of the time of writing, which a GeoPackage holds: the same outlines give the same bytes."""


@dataclass(frozen=True)
class Merge:
    """What is joined: the blocks of a campaign, and their results."""

    results: Results
    blocks: Sequence[Block]

    fine_px: int
    """Side of a tile in up-sampled pixels, which parts of buildings are drawn in."""

    simplify_px: float
    """Tolerance of outlines, up-sampled pixels."""

    def write(self, out: Path) -> pd.DataFrame:
        """Write ``areas.csv``, ``buildings.gpkg`` and ``buildings.geojson``; return the first as a table.

        A building counts in the tile that holds its centroid. Of tiles of which nothing is known, ``area_m2``,
        ``buildings`` and ``covered_fraction`` are empty.
        """
        tiles = pd.concat([self.results.tiles(block) for block in self.blocks], ignore_index=True)
        tiles = tiles.sort_values(["y", "x"], ignore_index=True)
        places = pd.MultiIndex.from_frame(tiles[["x", "y"]])
        counts = np.zeros(len(tiles), np.int64)
        number = 0
        with (
            replacing(out / OUTLINES) as package,
            replacing(out / GEOJSON) as plain,
            plain.open("w", encoding="utf-8") as file,
        ):
            file.write('{"type": "FeatureCollection", "features": [')
            for parts in self.buildings():
                home = self._home(parts["geometry"].to_numpy(dtype=object), places)
                counts += np.bincount(home, minlength=len(tiles))
                table = self._published(parts, tiles.loc[home], number)
                _append(package, table)
                file.writelines(_features(table, first=number == 0))
                number += len(table)
            file.write("\n]}\n")
        areas = self._areas(tiles, counts)
        with replacing(out / AREAS) as temporary:
            areas.to_csv(temporary, index=False, lineterminator="\n")
        return areas

    def buildings(self) -> Iterator[pd.DataFrame]:
        """Yield ``PARTS`` with shapely polygons: buildings within one block, and at last those that were joined."""
        at_edges = []
        for first in range(0, len(self.blocks), BLOCKS_AT_ONCE):
            some = self.blocks[first : first + BLOCKS_AT_ONCE]
            parts = pd.concat(
                [self.results.parts(block).assign(block=number) for number, block in enumerate(some, start=first)],
                ignore_index=True,
            )
            parts["geometry"] = shapely.from_wkb(parts["geometry"].to_numpy(dtype=object))
            yield parts[~parts["at_edge"]]
            at_edges.append(parts[parts["at_edge"]])
        yield self._joined(pd.concat(at_edges, ignore_index=True))

    def _joined(self, parts: pd.DataFrame) -> pd.DataFrame:
        """Join parts that are one building: pixels and areas add up, confidence is the mean over pixels."""
        shapes = parts["geometry"].to_numpy(dtype=object)
        left, right = self._neighbours(shapes, parts["block"].to_numpy())
        links = coo_array((np.ones(len(left)), (left, right)), shape=(len(parts), len(parts)))
        _, building = connected_components(links, directed=False)
        sure = parts["confidence"] * parts["pixels"]
        sums = parts[["pixels", "area_m2"]].assign(sure=sure).groupby(building, sort=True).sum()
        whole = [shapely.union_all(shapes[rows]) for rows in _rows_by(building)]
        filled = shapely.polygons(shapely.get_exterior_ring(np.array(whole, dtype=object)))
        return pd.DataFrame(
            {
                "area_m2": sums["area_m2"],
                "confidence": sums["sure"] / sums["pixels"],
                "geometry": pd.Series(shapely.simplify(filled, self.simplify_px), dtype="object"),
            }
        )

    def _neighbours(
        self, shapes: NDArray[np.object_], block: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return pairs of parts, by number, that share enough of the border between their blocks."""
        left, right = shapely.STRtree(shapes).query(shapes, predicate="touches")
        pairs = (left < right) & (block[left] != block[right])
        left, right = left[pairs], right[pairs]
        side = self.fine_px * np.array([it.side for it in self.blocks])
        corner = np.array([(it.col, it.row) for it in self.blocks]) * side[:, None]
        squares = shapely.box(*corner.T, *(corner + side[:, None]).T)
        shared = shapely.length(shapely.intersection(shapes[left], shapes[right]))
        edges = [
            shapely.length(shapely.intersection(shapes[one], squares[block[other]]))
            for one, other in ((left, right), (right, left))
        ]
        enough = (shared > 0) & (shared >= SHARED * np.minimum(*edges))
        return left[enough], right[enough]

    def _home(self, shapes: NDArray[np.object_], places: pd.MultiIndex) -> NDArray[np.int64]:
        """Return the row of the tile that each building counts in."""
        found = np.full(len(shapes), -1)
        # The centroid of a building around a corner, or cut off by the edge of the cover, may lie in no covered tile.
        for point in (shapely.centroid, shapely.point_on_surface):
            lost = found < 0
            x, y = (shapely.get_coordinates(point(shapes[lost])) // self.fine_px).astype(np.int64).T
            found[lost] = places.get_indexer(pd.MultiIndex.from_arrays([x, y]))
        return found

    def _published(self, parts: pd.DataFrame, tiles: pd.DataFrame, first: int) -> geopandas.GeoDataFrame:
        """Return buildings as users get them: numbered on from ``first``, in degrees."""
        zoom = self.blocks[0].zoom
        world_px = self.fine_px * 2.0**zoom
        shapes = shapely.transform(parts["geometry"].to_numpy(dtype=object), lambda xy: _degrees(xy / world_px))
        return geopandas.GeoDataFrame(
            {
                "id": np.arange(first, first + len(parts)),
                "tile": _names(tiles, zoom),
                "area_m2": parts["area_m2"].to_numpy().round(1),
                "confidence": parts["confidence"].to_numpy().round(4),
            },
            geometry=shapely.orient_polygons(shapes),
            crs="EPSG:4326",
        )

    def _areas(self, tiles: pd.DataFrame, counts: NDArray[np.int64]) -> pd.DataFrame:
        zoom, known = self.blocks[0].zoom, tiles["state"].isin((SEEN, PARTIAL))
        return pd.DataFrame(
            {
                "tile": _names(tiles, zoom),
                "x": tiles["x"],
                "y": tiles["y"],
                "z": zoom,
                "area_m2": tiles["area_m2"].round(1),
                "buildings": pd.Series(counts, dtype="Int64").where(known),
                "covered_fraction": (tiles["area_m2"] / tiles["ground_m2"]).round(5),
                "state": tiles["state"],
            }
        )


def _rows_by(group: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    """Return the places of each group's members, groups in order."""
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(order) else []


def _names(tiles: pd.DataFrame, zoom: int) -> pd.Series:
    names = [f"{zoom}/{x}/{y}" for x, y in zip(tiles["x"], tiles["y"], strict=True)]
    return pd.Series(names, dtype="str")  # said, since of an empty table the first rows decide the type of a column


def _degrees(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitude and latitude of places in the web-mercator world, each from 0 to 1, y from the north."""
    latitude = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * xy[:, 1]))))
    return np.column_stack([xy[:, 0] * 360 - 180, latitude]).round(DEGREE_DECIMALS)


def _append(path: Path, table: geopandas.GeoDataFrame) -> None:
    """Write outlines to a GeoPackage, or add them to one."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": SAME_DATE})
    try:
        pyogrio.write_dataframe(
            table, path, driver="GPKG", layer="buildings", geometry_type="Polygon", append=path.exists()
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _features(table: geopandas.GeoDataFrame, *, first: bool) -> Iterator[str]:
    """Yield RFC 7946 features: degrees without a CRS, outer rings against the clock."""
    rows = table.drop(columns="geometry").to_dict("records")
    for place, (row, shape) in enumerate(zip(rows, shapely.to_geojson(table.geometry.to_numpy()), strict=True)):
        start = "\n" if first and place == 0 else ",\n"
        yield f'{start}{{"type": "Feature", "properties": {json.dumps(row)}, "geometry": {shape}}}'
