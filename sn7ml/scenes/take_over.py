"""Bring a data folder into the project."""

import os
from pathlib import Path

import pandas as pd

from sn7ml.core.errors import CatalogError
from sn7ml.core.runtime.files import link_or_copy, replacing
from sn7ml.core.safe_files import require_regular
from sn7ml.scenes.layouts.layout import Layout
from sn7ml.scenes.layouts.spacenet7 import SPACENET7, aoi_folders, is_aoi
from sn7ml.scenes.map_tiles import ENDINGS as TILE_ENDINGS
from sn7ml.scenes.rasters import MOST_FILE_BYTES

ENDINGS = (*(f".{ending}" for ending in TILE_ENDINGS), ".geojson", ".csv")
"""Of images and labels in layouts other than SpaceNet 7's."""

CLASS_ENDINGS = (".json", ".gpkg")
"""Of what else there is where labels are classes: files of classes, and of objects with tags."""


def take_over(source: Path, target: Path, layout: Layout = SPACENET7) -> pd.DataFrame:
    """Replace the data folder ``target``, once all is there, by the data of ``source``; return its ``SOURCES``.

    Files are hard-linked where that is possible, else copied; links to files become files. Of ``spacenet7``, ``source``
    is any folder that :func:`~sn7ml.scenes.layouts.spacenet7.scan` takes, and what lies deeper than
    ``<AOI>/<folder>/<file>`` stays where it is. Of other layouts, all images and labels are taken over as they lie, but
    for those in hidden folders and behind links to folders, which could lead round in circles.

    Raises CatalogError if ``source`` is not laid out like that, lies inside ``target``, or holds what is no file
    (a pipe, a link to nowhere); ``target`` is then untouched.
    """
    if not source.is_dir():
        raise CatalogError("data.no-folder", f"no folder {source}")
    source = source.resolve()
    if source.is_relative_to(target.resolve()):
        raise CatalogError("data.source-inside-target", f"{source} lies inside {target}; move it out first")
    with replacing(target.absolute()) as fresh:
        if layout.name == SPACENET7.name:
            folders = [("train", source)] if is_aoi(source.name) else aoi_folders(source)
            for part, folder in folders:
                aoi = fresh / (part or "train") / folder.name
                _take_files(folder, aoi)
                for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
                    _take_files(inner, aoi / inner.name)
        else:
            _take_tree(source, fresh, ENDINGS + (CLASS_ENDINGS if layout.class_maps else ()))
        try:
            return layout.sources(fresh)
        except CatalogError as fault:
            raise CatalogError(fault.code, str(fault).replace(str(fresh), str(source)), fault.faults) from None


def _take_tree(source: Path, target: Path, endings: tuple[str, ...]) -> None:
    target.mkdir(parents=True)
    for folder, inner, names in os.walk(source):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix.lower() in endings and not name.startswith("."):
                _take(path, target / path.relative_to(source))


def _take_files(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for path in sorted(path for path in source.iterdir() if not path.is_dir()):
        _take(path, target / path.name)


def _take(path: Path, target: Path) -> None:
    try:
        require_regular(path, MOST_FILE_BYTES)
    except OSError as error:
        raise CatalogError("data.cannot-take-over", f"{path}: cannot be taken over ({error.strerror})") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    link_or_copy(path, target)
