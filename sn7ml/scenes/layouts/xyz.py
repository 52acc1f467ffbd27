"""The layout of map tiles: files named by x, y and zoom, and one GeoJSON of outlines. Tiles that touch are one image.

::

    <place>/OAM-<x>-<y>-<z>.png      or <z>-<x>-<y>.png, or <z>/<x>/<y>.png
    <place>/labels.geojson           the only GeoJSON there; in the CRS that it declares, in degrees without

Windows, distances and outlines then cross the borders of tiles. What is larger than ``MOST_SIDE_TILES`` along either
side is cut into blocks of that side; they stay in one group.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from affine import Affine
from morecantile import Tile
from numpy.typing import NDArray
from scipy import ndimage

from sn7ml.core.errors import CatalogError, RasterError
from sn7ml.core.geo.grid import TILE_PX, WEB_MERCATOR, Grid, tile_transform
from sn7ml.core.safe_files import open_regular
from sn7ml.core.schemas import SOURCES, UNDATED
from sn7ml.scenes.labels import RawLabels, read_geojson
from sn7ml.scenes.layouts.ground_groups import group_by_ground
from sn7ml.scenes.layouts.label_crs import into_crs
from sn7ml.scenes.layouts.layout import Layout, NameFacts, Source, plain_name_facts
from sn7ml.scenes.map_tiles import ENDINGS, MOST_TILE_BYTES, MapTile, decode, side_px
from sn7ml.scenes.raw_images import RawImage, black_margin

FLAT_NAME = re.compile(r"(?P<name>.*[-_])??(?P<first>\d+)[-_](?P<second>\d+)[-_](?P<third>\d+)")
PICTURES = tuple(ending for ending in ENDINGS if not ending.startswith("tif"))
DEEPEST = 24
MOST_SIDE_TILES = 16
"""Of one image: 4,096 pixels of 256 px tiles, as much as prediction takes."""

AOI_NAME = re.compile(r"(?:.*-)?z(?P<zoom>\d+)-(?P<x>\d+)-(?P<y>\d+)")


def scan(zoom: int | None, root: Path) -> pd.DataFrame:
    """Find the images that the tiles of one zoom give, in ``root`` and in the folders right below it.

    Parameters
    ----------
    zoom
        Whose tiles are used; None if there is only one.
    root
        A folder of tiles, or of such folders.

    Returns
    -------
    pd.DataFrame
        ``SOURCES``: an AOI is called ``<place>-z21-<x>-<y>``, after its north-western tile; ``image`` is its folder.

    Raises CatalogError if there are no tiles, none of that zoom, or several zooms and none is chosen; or naming folders
    with more than one GeoJSON.
    """
    places = {folder: tiles for folder in [root, *_folders(root)] if (tiles := tiles_of(folder))}
    if not places:
        raise CatalogError(
            "data.no-tiles",
            f"{root}: no map tiles; expected names such as OAM-<x>-<y>-<z>.png or folders <z>/<x>/<y>.png",
        )
    zooms = sorted({tile.z for tiles in places.values() for tile in tiles})
    if (zoom is None and len(zooms) > 1) or (zoom is not None and zoom not in zooms):
        raise CatalogError("data.zoom", f"{root}: holds zooms {zooms}, data.zoom is {zoom}; choose one of them")
    chosen = zooms[0] if zoom is None else zoom
    rows, faults = [], []
    for folder, tiles in places.items():
        labels = sorted(folder.glob("*.geojson"))
        if len(labels) > 1:
            faults.append(f"{folder}: {[path.name for path in labels]}; expected one GeoJSON of outlines, or none")
        prefix = "" if folder == root else f"{folder.name}-"
        for block in blocks(tile for tile in tiles if tile.z == chosen):
            west, north = (min(part) for part in list(zip(*block, strict=True))[:2])
            rows.append(
                {
                    "aoi": f"{prefix}z{chosen}-{west}-{north}",
                    "part": "" if folder == root else folder.name,
                    "image": folder.relative_to(root).as_posix(),
                    "labels": labels[0].relative_to(root).as_posix() if labels else "",
                    "labels_kind": "geojson" if labels else "",
                }
            )
    if faults:
        raise CatalogError("data.bad-files", "\n  ".join([f"{root}: {len(faults)} fault(s)", *faults]))
    return SOURCES.check(pd.DataFrame(rows).assign(time=UNDATED, mask="").sort_values("aoi", ignore_index=True))


def has_tiles(root: Path) -> bool:
    """Return True if ``root``, or a folder right below it, has pictures that are no GeoTIFFs, or a tree z/x/y."""
    return any(
        any(path.suffix[1:].lower() in PICTURES for path in folder.glob("*"))
        or any(_numbers(path) for path in folder.glob("*/*/*"))
        for folder in [root, *_folders(root)]
    )


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*") if path.is_dir() and not path.name.isdigit())


def tiles_of(folder: Path) -> Mapping[Tile, Path]:
    """Return the tiles of a folder by their numbers: of a tree ``z/x/y`` if there is one, else those that lie in it.

    Raises CatalogError, naming them, if two files are of one tile, or names are read both as x-y-z and z-x-y.
    """
    return _tiles_of(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _tiles_of(folder: Path, _changed: int) -> Mapping[Tile, Path]:
    tree = [path for path in folder.glob("*/*/*") if _numbers(path)]
    named = [(tile, path) for path in tree if (tile := _numbers(path))] or _flat(folder)
    found: dict[Tile, Path] = {}
    for tile, path in sorted(named):
        if tile in found:
            raise CatalogError("data.duplicate-tile", f"{folder}: {found[tile].name} and {path.name} are of one tile")
        found[tile] = path
    return found


def _numbers(path: Path) -> Tile | None:
    """Return the tile of a file in a tree ``z/x/y.png``; None if it is no part of one."""
    parts = (path.stem, path.parent.name, path.parent.parent.name)
    if path.suffix[1:].lower() not in ENDINGS or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    y, x, z = map(int, parts)
    return _tile(x, y, z)


def _flat(folder: Path) -> list[tuple[Tile, Path]]:
    """Return the tiles of files such as OAM-1238424-1046544-21.png, all of them read in one order of numbers."""
    files = [path for path in folder.iterdir() if path.suffix[1:].lower() in ENDINGS and path.is_file()]
    matches = [(match, path) for path in files if (match := FLAT_NAME.fullmatch(path.stem))]
    zoom_last = [_tile(*(int(match[part]) for part in ("first", "second", "third"))) for match, _ in matches]
    zoom_first = [_tile(*(int(match[part]) for part in ("second", "third", "first"))) for match, _ in matches]
    readings = [reading for reading in (zoom_last, zoom_first) if all(reading)]
    if len(readings) == 2 and not all(match["name"] for match, _ in matches):
        readings = [zoom_first]  # both can be meant; with a name before them, the zoom comes last, and else first
    if matches and not readings:
        raise CatalogError(
            "data.tile-name", f"{folder}: {matches[0][1].name} is no tile; expected <name>-<x>-<y>-<z> or <z>-<x>-<y>"
        )
    return [(tile, path) for tile, (_, path) in zip(readings[0], matches, strict=True) if tile] if matches else []


def _tile(x: int, y: int, z: int) -> Tile | None:
    return Tile(x, y, z) if z <= DEEPEST and max(x, y) < 2**z else None


def blocks(tiles: Iterable[Tile]) -> list[list[Tile]]:
    """Return the tiles that hang together by their sides, and are cut into blocks where they reach too far."""
    chosen = sorted(tiles)
    if not chosen:
        return []
    x, y = np.array([(tile.x, tile.y) for tile in chosen]).T
    # A picture with a pixel a tile would be huge for two far-off places, so only rows and columns that are used have
    # one, with an empty one wherever some are left out.
    col, row = _squeezed(x), _squeezed(y)
    picture = np.zeros((row.max() + 1, col.max() + 1), np.bool_)
    picture[row, col] = True
    part = ndimage.label(picture)[0][row, col]
    frame = pd.DataFrame({"part": part, "x": x, "y": y})
    corner = frame.groupby("part")[["x", "y"]].transform("min")
    across = (frame[["x", "y"]] - corner) // MOST_SIDE_TILES
    keys = frame.assign(across=across["x"], down=across["y"]).groupby(["part", "across", "down"], sort=True)
    return [[chosen[place] for place in rows.index] for _, rows in keys]


def _squeezed(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return numbers from 0 in the same order: neighbours stay neighbours, and others do not become neighbours."""
    used = np.unique(numbers)
    steps = np.minimum(np.diff(used, prepend=used[0]), 2)
    return np.asarray(np.cumsum(steps)[np.searchsorted(used, numbers)])


def open_image(root: Path, source: Source) -> RawImage:
    """Return the image of an AOI; where a tile is missing or black, nothing is usable.

    Raises RasterError naming every tile that is no image, or of another size than the first.
    """
    tiles = tiles_of(root / source["image"])
    block = _block(tiles, source["aoi"])
    west, north, zoom = min(tile.x for tile in block), min(tile.y for tile in block), block[0].z
    side = side_px(_bytes(tiles[block[0]]))
    if side is None:
        raise RasterError("image.tile", f"{tiles[block[0]]}: is no square image in PNG, JPEG, WebP or TIFF")
    rows, cols = (side * (max(part) - min(part) + 1) for part in ([it.y for it in block], [it.x for it in block]))
    transform = tile_transform(west, north, zoom) @ Affine.scale(TILE_PX / side)
    paths = {(tile.y - north, tile.x - west): tiles[tile] for tile in block}
    return RawImage(Grid(WEB_MERCATOR, transform, (rows, cols)), "uint8", partial(_stitched, paths, side, (rows, cols)))


def _block(tiles: Mapping[Tile, Path], aoi: str) -> list[Tile]:
    """Return the tiles of an AOI, by its name. Raises CatalogError if it is none of these tiles'."""
    if match := AOI_NAME.fullmatch(aoi):
        corner = int(match["x"]), int(match["y"])
        for block in blocks(tile for tile in tiles if tile.z == int(match["zoom"])):
            if (min(tile.x for tile in block), min(tile.y for tile in block)) == corner:
                return block
    raise CatalogError("data.aoi-name", f"{aoi!r} is no name of an image of these tiles; run `dvc repro ingest`")


def name_facts(root: Path, sources: pd.DataFrame) -> list[NameFacts]:
    """Return what names say of every image: its tiles, how many it lacks to be a rectangle, and the folder's zooms."""
    facts = []
    for known, source in zip(plain_name_facts(root, sources), sources.to_dict("records"), strict=True):
        tiles = tiles_of(root / source["image"])
        block = _block(tiles, source["aoi"])
        rows, cols = (max(part) - min(part) + 1 for part in ([it.y for it in block], [it.x for it in block]))
        zooms = sorted({tile.z for tile in tiles})
        counts = {"tile_rows": rows, "tile_cols": cols, "tiles": len(block), "missing_tiles": rows * cols - len(block)}
        facts.append({**known, **counts, "zooms": ", ".join(map(str, zooms)), "n_zooms": len(zooms)})
    return facts


def _bytes(path: Path) -> bytes:
    try:
        with open_regular(path, MOST_TILE_BYTES) as file:
            return file.read()
    except OSError as error:
        raise RasterError("image.cannot-read", f"{path}: cannot be read ({error.strerror})") from None


def _stitched(
    paths: Mapping[tuple[int, int], Path], side: int, shape: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    pixels = np.zeros((4, *shape), np.uint8)
    faults = []
    for (row, col), path in paths.items():
        tile: MapTile = decode(_bytes(path), side)
        if tile.pixels is not None:
            pixels[:, row * side : (row + 1) * side, col * side : (col + 1) * side] = tile.pixels
        elif tile.state != "black":
            faults.append(f"{path}: {tile.state}; expected {side} x {side} pixels, as the first tile has")
    if faults:
        raise RasterError("image.tile", "\n  ".join([f"{len(faults)} bad tile(s)", *faults[:20]]))
    return pixels[:3], (pixels[3] > 0) & ~black_margin(pixels[:3])


def read_labels(root: Path, source: Source) -> RawLabels:
    """Read the outlines that meet an AOI's image, in web mercator; a building's id is its place in the file."""
    path = root / source["labels"]
    raw = _labels(path, path.stat().st_mtime_ns)
    near = shapely.intersects(raw.geometries, _ground(open_image(root, source).grid))
    near[list(raw.faults)] = True  # nobody knows where they belong
    kept = np.flatnonzero(near).tolist()
    faults = {place: raw.faults[number] for place, number in enumerate(kept) if number in raw.faults}
    left_out = len(near) - len(kept)
    return RawLabels(path, raw.ids[near], raw.geometries[near], faults, False, raw.crs, left_out=left_out)


def read_around(root: Path, source: Source) -> RawLabels:
    """Read the outlines that lie off an AOI's image and within a tile of it: as :func:`read_labels`, without faults.

    A place that was cut into blocks has the distances of the whole.
    """
    path = root / source["labels"]
    raw = _labels(path, path.stat().st_mtime_ns)
    block = _block(tiles_of(root / source["image"]), source["aoi"])
    tile_m = tile_transform(0, 0, block[0].z).a * TILE_PX
    image = _ground(open_image(root, source).grid)
    near = shapely.intersects(raw.geometries, shapely.buffer(image, tile_m, cap_style="square", join_style="mitre"))
    near &= ~shapely.intersects(raw.geometries, image)
    return RawLabels(path, raw.ids[near], raw.geometries[near], {}, False, raw.crs)


def _ground(grid: Grid) -> shapely.Polygon:
    rows, cols = grid.shape
    return shapely.box(*grid.transform @ (0, rows), *grid.transform @ (cols, 0))


@lru_cache(maxsize=8)
def _labels(path: Path, _changed: int) -> RawLabels:
    return into_crs(read_geojson(path, in_pixels=False, id_name=None), WEB_MERCATOR)


def xyz(zoom: int | None) -> Layout:
    """Return the layout of map tiles of one zoom."""
    return Layout("xyz", partial(scan, zoom), read_labels, group_by_ground, open_image, name_facts, read_around)
