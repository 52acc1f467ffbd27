"""The layout of label images whose colours are classes, beside the images that they label.

::

    classes.json                     which colour is which class; also class_dict.csv, or as data.classes says
    <folder>/images/<name>.jpg       png, jpg, webp or tif, of any size
    <folder>/masks/<name>.png        or in labels/color/, labels/, annotations/; no file: not labelled

There may be any number of folders, at any depth, with or without blanks in their names. An image has a place on the
ground if it is a GeoTIFF with a CRS, or is called ``<z>-<x>-<y>`` after a map tile; else its folder is its group.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray
from PIL import Image

from sn7ml.core.errors import CatalogError, ParamsError, RasterError
from sn7ml.core.geo.grid import NOWHERE, TILE_PX, WEB_MERCATOR, Grid, tile_transform
from sn7ml.core.runtime.parallel import map_items
from sn7ml.core.safe_files import open_regular, plain_name
from sn7ml.core.schemas import SOURCES, UNDATED
from sn7ml.params import SplitParams
from sn7ml.scenes.labels import RawLabels, no_labels
from sn7ml.scenes.layouts.ground_groups import group_by_ground
from sn7ml.scenes.layouts.layout import ClassMaps, Layout, Source
from sn7ml.scenes.legend import ClassMap, Legend, Rgb, read_label_image, read_legend, refuse_misfit
from sn7ml.scenes.map_tiles import FORMATS, MODES, UNREADABLE
from sn7ml.scenes.rasters import MOST_FILE_BYTES, MOST_PIXELS, open_geotiff
from sn7ml.scenes.raw_images import RawImage, black_margin, raw_geotiff

IMAGES = "images"
LABELS = ("masks", "labels/color", "labels", "annotations")
"""Where label images lie beside ``images``; the first that is there."""

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
GEOTIFFS = (".tif", ".tiff")
LEGENDS = ("classes.json", "class_dict.csv")

TILE_NAME = re.compile(r"(\d{1,2})-(\d+)-(\d+)", re.ASCII)
"""Zoom, x, y of skynet-data's images."""


def scan(root: Path) -> pd.DataFrame:
    """Find the images below ``root``.

    Returns
    -------
    pd.DataFrame
        ``SOURCES``: an AOI is called ``<folder>-<name>``, without folder where there is only one; ``part`` is the
        folder above ``images``, "" for ``root``.

    Raises CatalogError if there is no image, or naming every name that occurs twice, every folder within a folder of
    images or labels, and every label image without an image.
    """
    folders = image_folders(root)
    rows, faults, seen = [], [], dict[str, Path]()
    for folder in folders:
        labels, found = _labels_beside(folder)
        faults += found
        for path in sorted(folder.glob("*")):
            if path.is_dir():
                faults.append(f"{path.relative_to(root)}: is a folder; expected images only")
            if path.suffix.lower() not in ENDINGS or path.name.startswith(".") or not path.is_file():
                continue
            part = folder.parent.relative_to(root).as_posix()
            name = _name(path.stem if len(folders) == 1 else f"{part}-{path.stem}")
            if (earlier := seen.setdefault(name, path)) is not path:
                faults.append(f"{path.relative_to(root)}: is called like {earlier.relative_to(root)}")
            label = labels.pop(path.stem, None)
            rows.append(
                {
                    "aoi": name,
                    "time": UNDATED,
                    "part": "" if part == "." else part,
                    "image": path.relative_to(root).as_posix(),
                    "labels": label.relative_to(root).as_posix() if label else "",
                    "labels_kind": "colour" if label else "",
                    "mask": "",
                }
            )
        faults += [f"{path.relative_to(root)}: labels no image" for path in labels.values()]
    if not rows:
        raise CatalogError(
            "data.no-images",
            f"{root}: no images; expected folders {IMAGES}/ with images, and beside them one of "
            f"{', '.join(f'{name}/' for name in LABELS)} with label images of the same names",
        )
    if faults:
        raise CatalogError("data.bad-files", "\n  ".join([f"{root}: {len(faults)} fault(s)", *faults]))
    return SOURCES.check(pd.DataFrame(rows).sort_values("aoi", ignore_index=True))


def pictures_below(root: Path) -> list[Path]:
    """Return all images in ``root`` and in folders below it, hidden ones left out."""
    found = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in ENDINGS and path.is_file()]
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts)]


def picture_table(root: Path, images: Sequence[Path]) -> pd.DataFrame:
    """Return ``SOURCES`` of images without labels. Raises CatalogError as :func:`scan`."""
    rows, faults, seen = [], [], dict[str, Path]()
    for path in images:
        if path.suffix.lower() not in ENDINGS:
            faults.append(f"{path.name}: is no image by its name; expected one that ends in {', '.join(ENDINGS)}")
            continue
        relative = path.relative_to(root)
        name = _name(relative.with_suffix("").as_posix())
        if (earlier := seen.setdefault(name, path)) is not path:
            faults.append(f"{relative}: is called like {earlier.relative_to(root)}")
        rows.append({"aoi": name, "time": UNDATED, "image": relative.as_posix()})
    if faults:
        raise CatalogError("data.bad-files", "\n  ".join([f"{root}: {len(faults)} fault(s)", *faults]))
    if not rows:
        raise CatalogError("data.no-images", f"{root}: no images ({', '.join(ENDINGS)}) in it or below it")
    table = pd.DataFrame(rows).assign(part="", labels="", labels_kind="", mask="")
    return SOURCES.check(table.sort_values("aoi", ignore_index=True))


def image_folders(root: Path) -> list[Path]:
    """Return the folders called ``images`` in ``root`` and below it, hidden ones left out."""
    found = [root / IMAGES, *root.rglob(f"*/{IMAGES}")]
    shown = {it for it in found if it.is_dir() and not any(p.startswith(".") for p in it.relative_to(root).parts)}
    return sorted(shown)


def _labels_beside(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the label images of a folder of images by their names without ending, and what is wrong with them."""
    beside = next((it for name in LABELS if (it := folder.parent / name).is_dir()), None)
    labels: dict[str, Path] = {}
    faults = []
    for path in sorted(beside.glob("*")) if beside else []:
        if path.is_dir():
            faults.append(f"{path}: is a folder; expected label images only")
        elif path.suffix.lower() in ENDINGS and not path.name.startswith("."):
            earlier = labels.setdefault(path.stem, path)
            faults += [f"{path} and {earlier.name} label the same image"] if earlier is not path else []
    return labels, faults


def _name(text: str) -> str:
    """Return a plain name: other characters than letters, digits and points become ``_``.

    >>> _name("Tile 1-image_part_001")
    'Tile_1-image_part_001'
    """
    return plain_name(re.sub(r"[^A-Za-z0-9_.+-]", "_", text.replace("/", "-")).lstrip(".-+") or "_")


def open_image(root: Path, source: Source) -> RawImage:
    """Look at an image of any of ``ENDINGS``. Raises RasterError."""
    path = root / source["image"]
    if path.suffix.lower() in GEOTIFFS:
        with open_geotiff(path) as opened:
            nowhere = opened.crs is None
        return raw_geotiff(path, nowhere=nowhere)
    try:
        with open_regular(path, MOST_FILE_BYTES) as file, Image.open(file, formats=FORMATS) as image:
            (cols, rows), mode = image.size, image.mode
    except UNREADABLE as error:
        raise RasterError("image.unreadable", f"{path}: cannot be read as an image ({error!s:.120})") from None
    if mode not in MODES:
        raise RasterError("image.data-type", f"{path}: is of kind {mode}; expected colours of 8 bits, or a GeoTIFF")
    if rows * cols > MOST_PIXELS:
        raise RasterError(
            "image.too-large", f"{path}: has {rows} x {cols} pixels, more than {MOST_PIXELS:,}; cut it into parts"
        )
    return RawImage(_tile_grid(path.stem, (rows, cols)) or Grid.nowhere(rows, cols), "uint8", partial(_pixels, path))


def _pixels(path: Path) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    try:
        with open_regular(path, MOST_FILE_BYTES) as file, Image.open(file, formats=FORMATS) as image:
            pixels = np.moveaxis(np.asarray(image.convert("RGBA")), 2, 0)
    except UNREADABLE as error:
        raise RasterError("image.unreadable", f"{path}: cannot be read to its end ({error!s:.120})") from None
    colours = pixels[:3]
    return colours, (pixels[3] > 0) & ~black_margin(colours)


def _tile_grid(name: str, shape: tuple[int, int]) -> Grid | None:
    """Return the grid of an image that is called after its map tile; None for other names and oblong images."""
    found = TILE_NAME.fullmatch(name)
    if found is None or shape[0] != shape[1]:
        return None
    zoom, x, y = map(int, found.groups())
    if max(x, y) >= 2**zoom:
        return None
    return Grid(WEB_MERCATOR, tile_transform(x, y, zoom) @ Affine.scale(TILE_PX / shape[0]), shape)


def groups(frames: pd.DataFrame, split: SplitParams) -> Mapping[str, str]:
    """Group images with a place by the ground, and others by what ``split.group_pattern`` finds, or their folder."""
    nowhere = frames["epsg"] == NOWHERE
    found = dict(group_by_ground(frames[~nowhere].reset_index(drop=True), split))
    keys = frames.loc[nowhere, "part"]
    if split.group_pattern is not None:
        try:
            pattern = re.compile(split.group_pattern)
        except re.error as error:
            raise ParamsError("split.group-pattern", f"split.group_pattern {split.group_pattern!r}: {error}") from None
        keys = frames.loc[nowhere, "aoi"].map(lambda aoi: it[0] if (it := pattern.search(aoi)) else aoi)
    first = frames.loc[nowhere].groupby(keys)["aoi"].transform("first")
    return found | dict(zip(frames.loc[nowhere, "aoi"], first, strict=True))


def legend_file(root: Path, name: str | None) -> Path:
    """Return the file of classes: of this name below ``root``, or the only one there that is called as usual.

    Raises CatalogError if there is none, or several to choose from.
    """
    if name is not None:
        path = root / name
        if not path.resolve().is_relative_to(root.resolve()):
            raise CatalogError("legend.elsewhere", f"data.classes {name!r} leaves the data folder {root}")
        return path
    found = sorted(path for usual in LEGENDS for path in root.rglob(usual))
    if len(found) != 1:
        what = "no file of classes" if not found else f"{len(found)} files of classes: {[str(it) for it in found[:5]]}"
        raise CatalogError(
            "legend.which", f"{root}: {what}; expected one {' or '.join(LEGENDS)}, or its path below it in data.classes"
        )
    return found[0]


@lru_cache(maxsize=8)
def legend_of(path: Path) -> Legend:
    """Read a file of classes, once for all images. Raises CatalogError."""
    return read_legend(path)


def read_class_map(name: str | None, root: Path, source: Source) -> ClassMap:
    """Read the label image of a labelled row. Raises LabelError."""
    return read_label_image(root / source["labels"], legend_of(legend_file(root, name)))


def colours_of(root: Path, sources: pd.DataFrame) -> Counter[Rgb]:
    """Count the colours of all label images of ``SOURCES``; no file of classes is needed. Raises ItemsFailed."""
    labels = {path: root / path for path in sources["labels"] if path}
    return sum(map_items(_colours, labels).values(), Counter[Rgb]())


def _colours(path: Path) -> Counter[Rgb]:
    return Counter(read_label_image(path, Legend(())).colours)


def class_names(name: str | None, root: Path) -> list[str]:
    """Return the names of all classes, in the order of class maps."""
    return legend_of(legend_file(root, name)).names


def refuse_legend(name: str | None, root: Path, colours: Mapping[Rgb, int]) -> None:
    """Raise CatalogError if the file of classes does not fit the colours of all label images."""
    path = legend_file(root, name)
    refuse_misfit(path, legend_of(path), colours)


def no_outlines(root: Path, source: Source) -> RawLabels:
    """Return labels without an outline."""
    return no_labels(root / source["labels"])


def colour(classes: str | None, least: float = 0.0) -> Layout:
    """Return the layout.

    ``classes`` is the file of classes below the data folder, None for the usual ones; an image with a smaller share of
    labelled pixels than ``least`` counts as one without labels.
    """
    names, read = partial(class_names, classes), partial(read_class_map, classes)
    maps = ClassMaps(names, read, least, partial(refuse_legend, classes))
    return Layout("colour", scan, no_outlines, groups, open_image, class_maps=maps)
