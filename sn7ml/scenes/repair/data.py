"""A repaired copy of a data set, with a list of every change."""

import shutil
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio

from sn7ml.core.errors import CatalogError, RasterError
from sn7ml.core.geo.grid import TILE_PX, WEB_MERCATOR, Grid
from sn7ml.core.runtime.files import link_or_copy, replacing
from sn7ml.core.runtime.parallel import map_items
from sn7ml.scenes.images import read_grid
from sn7ml.scenes.layouts import spacenet7
from sn7ml.scenes.rasters import open_geotiff
from sn7ml.scenes.repair.labels import WHOLE_FILE, Note, mend_label_file

CHANGES = "changes.csv"
"""In the copy: outcome, file, id, what, before, after; a row for each thing that was mended, or left."""

NO_FILE = Note("left", "", "no file", "a folder, a broken link, or no regular file", "not copied; put the file there")

NEAR_PX = 1.5
"""Images of 1023 pixels may lack a row or column on any side."""


def mended_copy(source: Path, out: Path) -> pd.DataFrame:
    """Write a copy of a data set to ``out`` in which what can be mended safely is mended.

    ``source`` is any folder that :func:`~sn7ml.scenes.layouts.spacenet7.scan` takes, and is never written to. Nothing
    is at ``out`` until everything is. Files that stay as they are are hard-linked where that is possible, else copied.
    Only AOI folders are taken along: tables beside them would tell of other labels.

    Returns what is in ``out/changes.csv``: all text, in order of file and row; empty if nothing was wrong. ``outcome``
    is "mended" or "left".

    Raises CatalogError if ``source`` holds no AOI, or ``out`` is not empty or lies inside ``source``.
    """
    folders = check_target(source, out)
    with replacing(out) as fresh:
        found: dict[str, list[Note]] = {}
        for part, folder in folders:
            target = fresh / part / folder.name
            odd = _link_or_copy_all(folder, target)
            found |= {path.relative_to(fresh).as_posix(): [NO_FILE] for path in odd}
        images = {path.relative_to(fresh).as_posix(): path for path in spacenet7.image_files(fresh)}
        found |= map_items(_mend_image, images)  # before labels: images say where those are
        kinds = [spacenet7.labels_by_kind(folder) for _, folder in spacenet7.aoi_folders(fresh)]
        labels = {path: kind for by_kind in kinds for kind, files in by_kind.items() for path in files}
        found |= map_items(_mend_labels, {it[0].relative_to(fresh).as_posix(): it for it in labels.items()})
        rows = [{"file": file, **asdict(note)} for file, notes in sorted(found.items()) for note in notes]
        columns = ["outcome", "file", "id", "what", "before", "after"]
        changes = pd.DataFrame(rows, columns=columns, dtype="str")
        changes.to_csv(fresh / CHANGES, index=False)
    return changes


def check_target(source: Path, out: Path) -> list[tuple[str, Path]]:
    """Return (part, folder) of every AOI of ``source``. Raises CatalogError if no copy can be written to ``out``."""
    source, out = source.resolve(), out.resolve()
    if not source.is_dir():
        raise CatalogError("data.no-folder", f"no folder {source}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CatalogError(
            "output.folder-not-empty", f"{out} exists and is not an empty folder; remove it or name another one"
        )
    if spacenet7.is_aoi(out.name):
        raise CatalogError(
            "repair.out-name", f"{out} is called like an AOI, and AOIs are to lie inside; name another folder"
        )
    if out.is_relative_to(source):
        raise CatalogError(
            "repair.out-inside-source", f"{out} lies inside {source}, which is to be copied; name a folder elsewhere"
        )
    return spacenet7.aoi_folders(source)


def _link_or_copy_all(source: Path, target: Path) -> list[Path]:
    """Bring an AOI over, and return where things would be that are no files.

    Only ``<AOI>/<file>`` and ``<AOI>/<folder>/<file>`` are taken: deeper, a link could lead to the whole disk.
    """
    odd: list[Path] = []
    inner = sorted(path for path in source.iterdir() if path.is_dir())
    for folder in (source, *(it for it in inner if not source.resolve().is_relative_to(it.resolve()))):  # no link back
        here = target / folder.relative_to(source)
        here.mkdir(parents=True)  # and not with the modes of the source, which may forbid to write
        for path in sorted(folder.iterdir()):
            if path.is_file():
                link_or_copy(path, here / path.name)
            elif path not in inner:
                odd.append(here / path.name)
    return odd


def _mend_image(path: Path) -> list[Note]:
    """Declare EPSG:3857 in an AOI's GeoTIFF that states no CRS and lies on the AOI's tile; pixels stay as they are.

    If the file is a hard link, the other names of it keep the former content. What cannot be read is passed over:
    validation tells of it.
    """
    try:
        with open_geotiff(path) as source:
            if source.crs:
                return []
            transform = source.transform
    except RasterError:
        return []
    what, before = "no CRS", f"none; corner at {transform.c:.1f}, {transform.f:.1f}, pixels of {transform.a:.4f}"
    tile = spacenet7.place_of(path.parent.parent.name)
    off = np.abs(np.subtract(transform[:6], tile[:6])) / tile.a
    # A wrong size adds up over the image.
    if off[[2, 5]].max() + off[[0, 1, 3, 4]].max() * TILE_PX > NEAR_PX:
        return [Note("left", WHOLE_FILE, what, before, f"warp it to EPSG:{WEB_MERCATOR}, on the grid of its siblings")]
    with replacing(path) as temporary:
        shutil.copyfile(path, temporary)
        with rasterio.open(temporary, "r+", driver="GTiff") as target:
            target.crs = f"EPSG:{WEB_MERCATOR}"
    return [Note("mended", WHOLE_FILE, what, before, f"EPSG:{WEB_MERCATOR}, where the AOI's name says it is")]


def _mend_labels(job: tuple[Path, str]) -> list[Note]:
    path, kind = job
    image = next((it for it in spacenet7.images_of(path) if it.is_file()), None)
    grid: Grid | None = None
    if kind != spacenet7.PIXELS and image is not None:
        with suppress(RasterError):  # validation tells of it
            grid = read_grid(image)
    return mend_label_file(path, kind, grid)
