"""Bring a SpaceNet 7 folder into the project."""

import os
import shutil
from pathlib import Path

import pandas as pd

from sn7ml.data.catalog import AOI_PATTERN, PARTS, scan
from sn7ml.errors import CatalogError


def take_over(source: Path, target: Path) -> pd.DataFrame:
    """Make ``target`` hold the AOI folders of ``source``; what was in ``target`` goes away once the new content is whole.

    Files are hard-linked where that is possible, else copied; links to files become files.

    Parameters
    ----------
    source
        A folder with ``train`` and/or ``test_public``, a folder of AOI folders, or one AOI folder.
    target
        The project's data folder.

    Returns
    -------
    pd.DataFrame
        ``FRAMES`` of the new content.

    Raises
    ------
    CatalogError
        If ``source`` is not laid out like SpaceNet 7, or lies inside ``target``; ``target`` is then untouched.
    """
    source = source.resolve()
    if source.is_relative_to(target.resolve()):
        raise CatalogError(f"{source} lies inside {target}; move it out first")
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for part, folder in _aoi_folders(source):
            shutil.copytree(folder, fresh / part / folder.name, copy_function=_link_or_copy)
        frames = scan(fresh)
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return frames


def _aoi_folders(source: Path) -> list[tuple[str, Path]]:
    if AOI_PATTERN.fullmatch(source.name):
        return [("train", source)]
    found = [
        (part or "train", path)
        for part in (*PARTS, "")
        for path in sorted((source / part).glob("L15-*"))
        if path.is_dir()
    ]
    if not found:
        raise CatalogError(f"{source}: no AOI folder such as train/L15-0331E-1257N_1327_3160_13 found")
    return found


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=True)
    except OSError:
        shutil.copyfile(source, target)
    return target
