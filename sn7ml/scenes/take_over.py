"""Bring a SpaceNet 7 folder into the project."""

from pathlib import Path

import pandas as pd

from sn7ml.core.errors import CatalogError
from sn7ml.core.runtime.files import link_or_copy, replacing
from sn7ml.core.safe_files import require_regular
from sn7ml.scenes.layouts.spacenet7 import aoi_folders, is_aoi, scan
from sn7ml.scenes.rasters import MOST_FILE_BYTES


def take_over(source: Path, target: Path) -> pd.DataFrame:
    """Replace the data folder ``target``, once all is there, by the AOI folders of ``source``; return its ``SOURCES``.

    ``source`` is any folder that :func:`~sn7ml.scenes.layouts.spacenet7.scan` takes. Files are hard-linked where that
    is possible, else copied; links to files become files. What lies deeper than ``<AOI>/<folder>/<file>`` is no part of
    the layout and stays where it is: links could lead round in circles there.

    Raises CatalogError if ``source`` is not laid out like SpaceNet 7, lies inside ``target``, or holds what is no file
    (a pipe, a link to nowhere); ``target`` is then untouched.
    """
    if not source.is_dir():
        raise CatalogError("data.no-folder", f"no folder {source}")
    source = source.resolve()
    if source.is_relative_to(target.resolve()):
        raise CatalogError("data.source-inside-target", f"{source} lies inside {target}; move it out first")
    folders = [("train", source)] if is_aoi(source.name) else aoi_folders(source)
    with replacing(target.absolute()) as fresh:
        for part, folder in folders:
            aoi = fresh / (part or "train") / folder.name
            _take_files(folder, aoi)
            for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
                _take_files(inner, aoi / inner.name)
        try:
            return scan(fresh)
        except CatalogError as fault:
            raise CatalogError(fault.code, str(fault).replace(str(fresh), str(source)), fault.faults) from None


def _take_files(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for path in sorted(path for path in source.iterdir() if not path.is_dir()):
        try:
            require_regular(path, MOST_FILE_BYTES)
        except OSError as error:
            raise CatalogError("data.cannot-take-over", f"{path}: cannot be taken over ({error.strerror})") from None
        link_or_copy(path, target / path.name)
