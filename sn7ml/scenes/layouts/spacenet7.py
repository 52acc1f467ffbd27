"""The SpaceNet 7 folder layout, read into one table of frames. The pipeline parses file names nowhere else.

Other layouts return the same table, as in ``sn7ml.scenes.layouts.images``; nothing below knows how
a file is called.
"""

import re
from pathlib import Path

import pandas as pd

from sn7ml.core.errors import CatalogError
from sn7ml.core.schemas import FRAMES

AOI_PATTERN = re.compile(
    r"L15-(?P<quad_x>\d{4})E-(?P<quad_y>\d{4})N_(?P<tile_x>\d{4})_(?P<tile_y>\d{4})_(?P<zoom>\d{2})(?!\d)",
    re.ASCII,
)
STEM_PATTERN = re.compile(
    rf"global_monthly_(?P<year>\d{{4}})_(?P<month>0[1-9]|1[0-2])_mosaic_(?P<aoi>{AOI_PATTERN.pattern})",
    re.ASCII,
)

PARTS = ("train", "test_public")
IMAGE_FOLDERS = ("images_masked", "images")
"""In order of preference: in images_masked the unusable area is blanked and its alpha is 0."""

LABEL_ENDING = "_Buildings.geojson"

LABEL_FOLDERS = {"match_pix": "labels_match_pix", "match": "labels_match"}
"""In order of preference: the scorer works in the pixel coordinates of labels_match_pix."""


def scan(root: Path) -> pd.DataFrame:
    """Find every frame below ``root``.

    Parameters
    ----------
    root
        A folder with ``train`` and/or ``test_public``, a folder of AOI folders, or one AOI folder.

    Returns
    -------
    pd.DataFrame
        ``FRAMES``, in order of AOI and date. Labels and UDM are optional; images are not.

    Raises
    ------
    CatalogError
        If the folder is missing, holds no AOI, or some AOIs hold no images or files whose names break the pattern.
        All faults are named.
    """
    if not root.is_dir():
        raise CatalogError(
            "data.no-folder",
            f"no data folder {root}; `make repro` makes the synthetic set, `sn7ml use DATA` takes over a SpaceNet 7 folder, "
            "`dvc pull` fetches what data.dvc names",
        )
    folders = aoi_folders(root)
    rows: list[dict[str, str]] = []
    faults: list[str] = []
    for part, folder in folders:
        try:
            rows += _frames_of(folder, part, root)
        except CatalogError as fault:
            faults.append(str(fault))
    names = [folder.name for _, folder in folders]
    faults += [f"AOI {name} appears in more than one part" for name in sorted({n for n in names if names.count(n) > 1})]
    if faults:
        raise CatalogError(
            "data.bad-files", "\n".join([f"{root}: {len(faults)} fault(s)", *(f"  {fault}" for fault in faults)])
        )
    return FRAMES.check(pd.DataFrame(rows).sort_values(["aoi", "time"], ignore_index=True))


def tile_of(aoi: str) -> tuple[int, int, int]:
    """Return (x, y, zoom) of the web-mercator tile that an AOI's name states (XYZ, y from the north).

    >>> tile_of("L15-0331E-1257N_1327_3160_13")
    (1327, 3160, 13)
    """
    match = AOI_PATTERN.fullmatch(aoi)
    if match is None:
        raise CatalogError("data.aoi-name", f"{aoi!r} is no SpaceNet 7 AOI name such as L15-0331E-1257N_1327_3160_13")
    return int(match["tile_x"]), int(match["tile_y"]), int(match["zoom"])


def aoi_folders(root: Path) -> list[tuple[str, Path]]:
    """Return (part, folder) of every AOI below ``root``, see :func:`scan`; part is "" at the top, and of ``root`` itself.

    Raises
    ------
    CatalogError
        If there is none.
    """
    if AOI_PATTERN.fullmatch(root.name):
        return [("", root)]
    found = [
        (part, path)
        for part in (*PARTS, "")
        for path in sorted((root / part).glob("L15-*"))
        if path.is_dir() and AOI_PATTERN.fullmatch(path.name)
    ]
    if not found:
        raise CatalogError(
            "data.no-aoi",
            f"{root}: no AOI folder such as train/L15-0331E-1257N_1327_3160_13 found, in {' or '.join(PARTS)} or at the top",
        )
    return found


def label_files(folder: Path) -> dict[str, Path]:
    """Return month → label file of one AOI folder, from the preferred label folder that exists; {} if none does."""
    kind = _label_kind(folder)
    return _by_month(folder, LABEL_FOLDERS[kind], LABEL_ENDING) if kind else {}


def _frames_of(folder: Path, part: str, root: Path) -> list[dict[str, str]]:
    images = next((found for name in IMAGE_FOLDERS if (found := _by_month(folder, name, ".tif"))), None)
    if images is None:
        raise CatalogError(
            "data.no-images", f"AOI {folder.name}: no images; expected .tif files in its {' or '.join(IMAGE_FOLDERS)}"
        )
    kind, labels, udms = _label_kind(folder), label_files(folder), _by_month(folder, "UDM_masks", "_UDM.tif")

    def relative(path: Path | None) -> str:
        return path.relative_to(root).as_posix() if path else ""

    return [
        {
            "aoi": folder.name,
            "time": month,
            "part": part,
            "image": relative(image),
            "labels": relative(labels.get(month)),
            "labels_kind": kind if month in labels else "",
            "udm": relative(udms.get(month)),
        }
        for month, image in images.items()
    ]


def _label_kind(folder: Path) -> str:
    """Return the preferred kind of labels that this AOI folder has, "" for none."""
    return next((kind for kind, name in LABEL_FOLDERS.items() if any((folder / name).glob(f"*{LABEL_ENDING}"))), "")


def _by_month(folder: Path, name: str, ending: str) -> dict[str, Path]:
    """Return month → file in ``folder/name``, by date. Names that break the pattern are all named in one error."""
    found: dict[str, Path] = {}
    wrong: list[str] = []
    for path in sorted((folder / name).glob(f"*{ending}")):
        match = STEM_PATTERN.fullmatch(path.name.removesuffix(ending))
        if match and match["aoi"] == folder.name:
            found[f"{match['year']}-{match['month']}"] = path
        elif not path.name.startswith("."):
            wrong.append(path.name)
    if wrong:
        raise CatalogError(
            "data.file-name",
            f"AOI {folder.name}: {name} holds {wrong[:3]}{' …' * (len(wrong) > 3)}; "
            f"expected global_monthly_YYYY_MM_mosaic_{folder.name}{ending}",
        )
    return dict(sorted(found.items()))
