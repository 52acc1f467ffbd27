"""The SpaceNet 7 layout: AOI folders of monthly mosaics, their labels and masks. Its file names are known nowhere else.

::

    <part>/<AOI>/images_masked/     or images/          global_monthly_YYYY_MM_mosaic_<AOI>.tif
    <part>/<AOI>/labels_match_pix/  or labels_match/    …_Buildings.geojson
    <part>/<AOI>/UDM_masks/                             …_UDM.tif, only where ground is unusable
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from affine import Affine

from sn7ml.core.errors import CatalogError
from sn7ml.core.geo.grid import tile_transform
from sn7ml.core.schemas import SOURCES
from sn7ml.params import SplitParams
from sn7ml.scenes.labels import RawLabels, read_geojson
from sn7ml.scenes.layouts.layout import Layout, NameFacts, Source

AOI_PATTERN = re.compile(
    r"L15-(?P<quad_x>\d{4})E-(?P<quad_y>\d{4})N_(?P<tile_x>\d{4})_(?P<tile_y>\d{4})_(?P<zoom>\d{2})(?!\d)",
    re.ASCII,
)
STEM_PATTERN = re.compile(
    rf"global_monthly_(?P<year>\d{{4}})_(?P<month>0[1-9]|1[0-2])_mosaic_(?P<aoi>{AOI_PATTERN.pattern})",
    re.ASCII,
)

STEM_LENGTH = 58
"""Characters of a frame's name without ending: the reference scorer cuts AOI and month out of it by position."""

AOI_EXAMPLE = "L15-0331E-1257N_1327_3160_13"

TRAIN, TEST = PARTS = ("train", "test_public")
"""Of ``TEST`` no labels were published."""

MASKED, UNMASKED = IMAGE_FOLDERS = ("images_masked", "images")
"""In order of preference: in images_masked the unusable area is blanked and its alpha is 0."""

IMAGE_ENDING = ".tif"
LABEL_ENDING = "_Buildings.geojson"
MASK_FOLDER, MASK_ENDING = "UDM_masks", "_UDM.tif"

PIXELS, CRS = "match_pix", "match"
LABEL_FOLDERS = {PIXELS: "labels_match_pix", CRS: "labels_match"}
"""In order of preference: the scorer works in the pixel coordinates of labels_match_pix."""

UNMATCHED, CLOUD_ENDING = "labels", "_UDM.geojson"
"""Labels without ids, and outlines of the unusable ground beside them: the archives hold them, nothing here reads them."""


def scan(root: Path) -> pd.DataFrame:
    """Find every frame below ``root``.

    Parameters
    ----------
    root
        A folder with ``train`` and/or ``test_public``, a folder of AOI folders, or one AOI folder.

    Returns
    -------
    pd.DataFrame
        ``SOURCES``, in order of AOI and date. Labels and masks are optional; images are not.

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
    return SOURCES.check(pd.DataFrame(rows).sort_values(["aoi", "time"], ignore_index=True))


def stem_of(aoi: str, time: str) -> str:
    """Return the 58 characters that begin the name of every file of a frame.

    >>> stem_of("L15-0331E-1257N_1327_3160_13", "2018-01")
    'global_monthly_2018_01_mosaic_L15-0331E-1257N_1327_3160_13'
    """
    return f"global_monthly_{time.replace('-', '_')}_mosaic_{aoi}"


def frame_of(name: str) -> tuple[str, str] | None:
    """Return (aoi, time) of a name that begins with a stem; None of any other.

    >>> frame_of("global_monthly_2018_01_mosaic_L15-0331E-1257N_1327_3160_13_Buildings")
    ('L15-0331E-1257N_1327_3160_13', '2018-01')
    """
    stem = STEM_PATTERN.match(name)
    return (stem["aoi"], month_of(stem)) if stem else None


def example_stem(aoi: str = AOI_EXAMPLE) -> str:
    """Return how the name of a file begins, for an error to show."""
    return f"global_monthly_YYYY_MM_mosaic_{aoi}"


def example_folders() -> str:
    """Return where images lie, for an error to show."""
    return f"{' or '.join(PARTS)} with folders such as {AOI_EXAMPLE}/{MASKED}"


def example_labels() -> str:
    """Return how label files are called, for an error to show."""
    return f"*{LABEL_ENDING}"


def month_of(stem: re.Match[str]) -> str:
    """Return YYYY-MM of a match of ``STEM_PATTERN``."""
    return f"{stem['year']}-{stem['month']}"


def is_aoi(name: str) -> bool:
    """Return True for a name that an AOI's folder can have."""
    return AOI_PATTERN.fullmatch(name) is not None


def tile_of(aoi: str) -> tuple[int, int, int]:
    """Return (x, y, zoom) of the web-mercator tile that an AOI's name states (XYZ, y from the north).

    >>> tile_of("L15-0331E-1257N_1327_3160_13")
    (1327, 3160, 13)
    """
    match = AOI_PATTERN.fullmatch(aoi)
    if match is None:
        raise CatalogError("data.aoi-name", f"{aoi!r} is no SpaceNet 7 AOI name such as {AOI_EXAMPLE}")
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
    found = _folders_below(root)
    if not found:
        raise CatalogError(
            "data.no-aoi",
            f"{root}: no AOI folder such as {TRAIN}/{AOI_EXAMPLE} found, in {' or '.join(PARTS)} or at the top",
        )
    return found


def holds_aois(folder: Path) -> bool:
    """Return True where AOI folders lie below a folder."""
    return bool(_folders_below(folder))


def _folders_below(root: Path) -> list[tuple[str, Path]]:
    return [
        (part, path)
        for part in (*PARTS, "")
        for path in sorted((root / part).glob("L15-*"))
        if path.is_dir() and AOI_PATTERN.fullmatch(path.name)
    ]


def image_folders(folder: Path) -> list[Path]:
    """Return where the images of one AOI folder lie, the preferred folder first, whether it exists or not."""
    return [folder / name for name in IMAGE_FOLDERS]


def image_files(root: Path) -> list[Path]:
    """Return the images of all AOIs below ``root``, whatever they are called."""
    folders = [images for _, folder in aoi_folders(root) for images in image_folders(folder)]
    return _regular(folders, IMAGE_ENDING)


def all_label_files(root: Path) -> list[Path]:
    """Return the label files with ids of all AOIs below ``root``, whatever they are called."""
    folders = [folder / name for _, folder in aoi_folders(root) for name in LABEL_FOLDERS.values()]
    return _regular(folders, LABEL_ENDING)


def _regular(folders: Sequence[Path], ending: str) -> list[Path]:
    found = [path for folder in folders for path in sorted(folder.glob(f"*{ending}"))]
    return [path for path in found if path.is_file() and not path.name.startswith(".")]


def kind_of(labels: Path) -> str:
    """Return the kind of a label file in one of ``LABEL_FOLDERS``."""
    return next(kind for kind, folder in LABEL_FOLDERS.items() if folder == labels.parent.name)


def images_of(labels: Path) -> list[Path]:
    """Return where the image of a label file can lie, the preferred place first, whether it exists or not."""
    name = labels.name.removesuffix(LABEL_ENDING) + IMAGE_ENDING
    return [folder / name for folder in image_folders(labels.parent.parent)]


def label_files(folder: Path) -> dict[str, Path]:
    """Return month → label file of one AOI folder, from the preferred label folder that exists; {} if none does."""
    kind = _label_kind(folder)
    return _by_month(folder, LABEL_FOLDERS[kind], LABEL_ENDING) if kind else {}


def _frames_of(folder: Path, part: str, root: Path) -> list[dict[str, str]]:
    images = next((found for name in IMAGE_FOLDERS if (found := _by_month(folder, name, IMAGE_ENDING))), None)
    if images is None:
        raise CatalogError(
            "data.no-images",
            f"AOI {folder.name}: no images; expected {IMAGE_ENDING} files in its {' or '.join(IMAGE_FOLDERS)}",
        )
    kind, labels, masks = _label_kind(folder), label_files(folder), _by_month(folder, MASK_FOLDER, MASK_ENDING)

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
            "mask": relative(masks.get(month)),
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
            found[month_of(match)] = path
        elif not path.name.startswith("."):
            wrong.append(path.name)
    if wrong:
        raise CatalogError(
            "data.file-name",
            f"AOI {folder.name}: {name} holds {wrong[:3]}{' …' * (len(wrong) > 3)}; "
            f"expected {example_stem(folder.name)}{ending}",
        )
    return dict(sorted(found.items()))


def read_labels(root: Path, source: Source) -> RawLabels:
    """Read a label file. ``labels_match_pix`` holds pixels, whatever CRS a reader reports for it."""
    return read_geojson(root / source["labels"], in_pixels=source["labels_kind"] == PIXELS)


def neighbour_groups(aois: Sequence[str], reach_tiles: int) -> list[list[str]]:
    """Group AOIs whose zoom-13 tiles lie at most ``reach_tiles`` apart along both axes, directly or through others."""
    groups: list[list[str]] = []
    for aoi in aois:
        near = [group for group in groups if any(_distance(aoi, other) <= reach_tiles for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append(sorted([aoi, *(other for group in near for other in group)]))
    return sorted(groups)


def _distance(one: str, other: str) -> int:
    (x, y, _), (u, v, _) = tile_of(one), tile_of(other)
    return max(abs(x - u), abs(y - v))


def group_neighbours(frames: pd.DataFrame, split: SplitParams) -> dict[str, str]:
    """Return AOI to the first AOI of its group, see :func:`neighbour_groups`."""
    groups = neighbour_groups(sorted(frames["aoi"].unique()), split.neighbour_tiles)
    return {aoi: group[0] for group in groups for aoi in group}


def name_facts(root: Path, sources: pd.DataFrame) -> list[NameFacts]:
    """Return what names say of every frame, of labels without an image, and of images that are passed over."""
    known = [_facts_of_row(root, row) for row in sources.to_dict("records")]
    found = [
        facts
        for aoi, rows in sources.groupby("aoi")
        for facts in _facts_of_strays(root, str(aoi), set(rows["time"]), (root / rows["image"].iloc[0]).parent.parent)
    ]
    return known + found


def _facts_of_row(root: Path, row: Source) -> NameFacts:
    image = root / row["image"]
    labelled: bool | None = bool(row["labels"])
    if not labelled and row["part"] == TEST and not label_files(image.parent.parent):
        labelled = None  # none are expected
    stem = image.stem
    match = STEM_PATTERN.fullmatch(stem)
    facts: NameFacts = {"aoi": row["aoi"], "time": row["time"], "file": row["image"], "has_image": True}
    facts |= {"has_labels": labelled, **_in_folders(image)}
    return facts | {"stem_ok": len(stem) == STEM_LENGTH and match is not None and match["aoi"] == row["aoi"]}


def _facts_of_strays(root: Path, aoi: str, times: set[str], folder: Path) -> list[NameFacts]:
    """Find label files and unmasked images of months that the table lacks: only one folder of an AOI's images is read."""
    found = []
    for time, path in label_files(folder).items():
        image = folder / UNMASKED / f"{path.name.removesuffix(LABEL_ENDING)}{IMAGE_ENDING}"
        if time not in times and not image.is_file():
            found.append((time, path, {"has_image": False, "has_labels": True}))
    for path in sorted((folder / UNMASKED).glob(f"*{IMAGE_ENDING}")):
        match = STEM_PATTERN.fullmatch(path.stem)
        if match and match["aoi"] == aoi and month_of(match) not in times:
            found.append((month_of(match), path, _in_folders(path)))
    return [
        {"aoi": aoi, "time": time, "file": path.relative_to(root).as_posix(), "fault": "", **facts}
        for time, path, facts in found
    ]


def _in_folders(image: Path) -> dict[str, bool]:
    """Tell whether this month lies in both folders of images, by the file's name; nothing where there is only one folder."""
    folder = image.parent.parent
    if not all(any((folder / name).glob(f"*{IMAGE_ENDING}")) for name in IMAGE_FOLDERS):
        return {}
    # What is there and no file is told as unreadable, and not as missing.
    return {
        name: os.path.lexists(place / image.name)
        for name, place in zip(("in_masked", "in_unmasked"), image_folders(folder), strict=True)
    }


def name_of(x: int, y: int, zoom: int) -> str:
    """Return the name of the AOI on a web-mercator tile: its quad at zoom 15 (TMS, y from the south), tile and zoom.

    >>> name_of(1327, 3160, 13)
    'L15-0331E-1257N_1327_3160_13'
    """
    return f"L15-{x // 4:04d}E-{2047 - y // 4:04d}N_{x}_{y}_{zoom}"


def place_of(aoi: str) -> Affine:
    """Return pixel corner to EPSG:3857 of the tile that an AOI's name states."""
    return tile_transform(*tile_of(aoi))


SPACENET7 = Layout(
    "spacenet7",
    sources=scan,
    read_labels=read_labels,
    groups=group_neighbours,
    name_facts=name_facts,
    place=place_of,
)
