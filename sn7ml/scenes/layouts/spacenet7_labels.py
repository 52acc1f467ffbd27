"""The label files of a folder in the SpaceNet 7 layout, without images: what the scorer takes."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from sn7ml.core.errors import CatalogError, LabelError
from sn7ml.core.schemas import SOURCES
from sn7ml.scenes.layouts.spacenet7 import (
    LABEL_ENDING,
    LABEL_FOLDERS,
    PIXELS,
    STEM_PATTERN,
    TRAIN,
    aoi_folders,
    example_labels,
    example_stem,
    month_of,
)
from sn7ml.scenes.row_errors import listing


def label_sources(folder: Path) -> pd.DataFrame:
    """Find the label files of a folder of them, of an AOI's folder, or of all AOIs below it; images are not needed.

    Returns
    -------
    pd.DataFrame
        ``SOURCES`` without images, paths relative to ``folder``, in order of AOI and time.

    Raises
    ------
    LabelError
        If there is no such file, or naming those whose name is no stem or that are of the same frame.
    """
    found = _labels_in(folder) or _labels_of_aoi(folder)
    if not found:
        with suppress(CatalogError):  # told below, with what else was looked for
            found = [path for _, aoi in aoi_folders(folder) for path in _labels_of_aoi(aoi)]
    if not found:
        raise LabelError(
            "labels.none",
            f"{folder}: no {example_labels()} found; expected a folder of such files, the folder of an AOI with "
            f"{LABEL_FOLDERS[PIXELS]}, or a folder of AOI folders such as {TRAIN}/",
        )
    frames: dict[tuple[str, str], Path] = {}
    faults: list[str] = []
    for path in found:
        stem = STEM_PATTERN.fullmatch(path.name.removesuffix(LABEL_ENDING))
        if stem is None:
            faults.append(f"{path}: expected a name such as {example_stem('AOI')}{LABEL_ENDING}")
        elif (earlier := frames.setdefault((stem["aoi"], month_of(stem)), path)) is not path:
            faults.append(f"{path}: {earlier} is of the same frame")
    if faults:
        raise bad_files(folder, faults)
    rows = [
        {"aoi": aoi, "time": time, "labels": path.relative_to(folder).as_posix(), "labels_kind": PIXELS}
        for (aoi, time), path in sorted(frames.items())
    ]
    return SOURCES.check(pd.DataFrame(rows).assign(part="", image="", mask=""))


def bad_files(folder: Path, faults: Sequence[str]) -> LabelError:
    """Return the error that names files at fault, the first twenty and how many more."""
    head = f"{folder}: {len(faults):,} bad file{'s' * (len(faults) > 1)}"
    return LabelError("labels.bad-files", listing(head, [[fault] for fault in faults], len(faults)))


def unlabelled_aois(folder: Path) -> list[str]:
    """Return the AOIs below ``folder`` that have no label file, where it is a folder of AOIs."""
    if _labels_in(folder) or _labels_of_aoi(folder):
        return []
    with suppress(CatalogError):
        return [aoi.name for _, aoi in aoi_folders(folder) if not _labels_of_aoi(aoi)]
    return []


def _labels_of_aoi(folder: Path) -> list[Path]:
    return next((found for name in LABEL_FOLDERS.values() if (found := _labels_in(folder / name))), [])


def _labels_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*{LABEL_ENDING}") if not path.name.startswith("."))
