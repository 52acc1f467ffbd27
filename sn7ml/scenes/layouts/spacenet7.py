"""The SpaceNet 7 layout: AOI folders of monthly mosaics, their labels and masks. Its file names are known nowhere else.

::

    <part>/<AOI>/images_masked/     or images/          global_monthly_YYYY_MM_mosaic_<AOI>.tif
    <part>/<AOI>/labels_match_pix/  or labels_match/    …_Buildings.geojson
    <part>/<AOI>/UDM_masks/                             …_UDM.tif, only where ground is unusable
"""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
from affine import Affine
from scipy.sparse.csgraph import connected_components

from sn7ml.core.errors import CatalogError
from sn7ml.core.geo.grid import tile_transform
from sn7ml.core.safe_files import repeated
from sn7ml.core.schemas import SOURCES
from sn7ml.params import SplitParams
from sn7ml.scenes.labels import RawLabels, read_geojson
from sn7ml.scenes.layouts.layout import Layout, NameFacts, Source

AOI_PATTERN = re.compile(r"L15-\d{4}E-\d{4}N_(?P<tile_x>\d{4})_(?P<tile_y>\d{4})_(?P<zoom>\d{2})(?!\d)", re.ASCII)
STEM_PATTERN = re.compile(
    rf"global_monthly_(?P<year>\d{{4}})_(?P<month>0[1-9]|1[0-2])_mosaic_(?P<aoi>{AOI_PATTERN.pattern})", re.ASCII
)
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
"""Labels without ids, and outlines of unusable ground beside them: only synthetic data has them, nothing reads them."""


def scan(root: Path) -> pd.DataFrame:
    """Find every frame of a folder of AOI folders, with or without ``train`` and ``test_public``, or of one AOI folder.

    Returns ``SOURCES``, in order of AOI and date. Labels and masks are optional; images are not.

    Raises CatalogError if the folder is missing or holds no AOI; or naming every AOI without images, or with files
    whose names break the pattern.
    """
    if not root.is_dir():
        raise CatalogError(
            "data.no-folder",
            f"no data folder {root}; `make repro` makes the synthetic set, `sn7ml use DATA` takes over a SpaceNet 7 "
            "folder, `dvc pull` fetches what data.dvc names",
        )
    folders = aoi_folders(root)
    rows: list[dict[str, str]] = []
    faults: list[str] = []
    for part, folder in folders:
        try:
            rows += _frames_of(folder, part, root)
        except CatalogError as fault:
            faults.append(str(fault))
    faults += [f"AOI {name} appears in more than one part" for name in repeated([folder.name for _, folder in folders])]
    if faults:
        raise CatalogError("data.bad-files", "\n  ".join([f"{root}: {len(faults)} fault(s)", *faults]))
    return SOURCES.check(pd.DataFrame(rows).sort_values(["aoi", "time"], ignore_index=True))


def stem_of(aoi: str, time: str) -> str:
    """Return the 58 characters that begin the name of every file of a frame: the reference scorer goes by position.

    >>> stem_of("L15-0331E-1257N_1327_3160_13", "2018-01")
    'global_monthly_2018_01_mosaic_L15-0331E-1257N_1327_3160_13'
    """
    return f"global_monthly_{time.replace('-', '_')}_mosaic_{aoi}"


def frame_of(name: str, ending: str | None = None) -> tuple[str, str] | None:
    """Return (aoi, time) of a name that is a stem with ``ending``, by default any; None of any other.

    >>> frame_of("global_monthly_2018_01_mosaic_L15-0331E-1257N_1327_3160_13_Buildings")
    ('L15-0331E-1257N_1327_3160_13', '2018-01')
    """
    stem = STEM_PATTERN.match(name)
    if stem is None or ending not in (None, name[stem.end() :]):
        return None
    return stem["aoi"], f"{stem['year']}-{stem['month']}"


def example_stem(aoi: str = AOI_EXAMPLE) -> str:
    """Return how the name of a file begins, for an error to show."""
    return f"global_monthly_YYYY_MM_mosaic_{aoi}"


def example_folders() -> str:
    """Return where images lie, for an error to show."""
    return f"{' or '.join(PARTS)} with folders such as {AOI_EXAMPLE}/{MASKED}"


def example_labels(stem: str = "*") -> str:
    """Return how label files are called, for an error to show."""
    return f"{stem}{LABEL_ENDING}"


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
    """Return (part, folder) of every AOI that :func:`scan` finds; part is "" outside of parts. Raises CatalogError."""
    if is_aoi(root.name):
        return [("", root)]
    found = folders_below(root)
    if not found:
        raise CatalogError(
            "data.no-aoi",
            f"{root}: no AOI folder such as {TRAIN}/{AOI_EXAMPLE} found, in {' or '.join(PARTS)} or at the top",
        )
    return found


def folders_below(root: Path) -> list[tuple[str, Path]]:
    """Return (part, folder) of every AOI below a folder that is no AOI itself; may be empty."""
    return [
        (part, path)
        for part in (*PARTS, "")
        for path in sorted((root / part).glob("*"))
        if is_aoi(path.name) and path.is_dir()
    ]


def image_folders(folder: Path) -> list[Path]:
    """Return where the images of one AOI folder lie, the preferred folder first, whether it exists or not."""
    return [folder / name for name in IMAGE_FOLDERS]


def image_files(root: Path) -> list[Path]:
    """Return the images of all AOIs below ``root``, whatever they are called."""
    folders = [images for _, folder in aoi_folders(root) for images in image_folders(folder)]
    return [path for folder in folders for path in _files_in(folder, IMAGE_ENDING)]


def images_of(labels: Path) -> list[Path]:
    """Return where the image of a label file can lie, the preferred place first, whether it exists or not."""
    name = labels.name.removesuffix(LABEL_ENDING) + IMAGE_ENDING
    return [folder / name for folder in image_folders(labels.parent.parent)]


def labels_in(folder: Path) -> list[Path]:
    """Return the label files right in a folder, whatever they are called."""
    return _files_in(folder, LABEL_ENDING)


def frame_of_labels(path: Path) -> tuple[str, str] | None:
    """Return (aoi, time) of a label file by its name; None of any other name."""
    return frame_of(path.name, LABEL_ENDING)


def labels_by_kind(folder: Path) -> dict[str, list[Path]]:
    """Return kind → label files with ids of one AOI folder: the preferred kind first, and none without a file."""
    return {kind: found for kind, name in LABEL_FOLDERS.items() if (found := labels_in(folder / name))}


def label_files(folder: Path) -> dict[str, Path]:
    """Return month → label file of one AOI folder, of its preferred kind; {} if it has none. Raises CatalogError."""
    return _by_month(folder, next(iter(labels_by_kind(folder).values()), []), LABEL_ENDING)


def _files_in(folder: Path, ending: str) -> list[Path]:
    """Return what a folder holds under names with an ending, by name; hidden files are passed over."""
    return sorted(path for path in folder.glob(f"*{ending}") if not path.name.startswith("."))


def _frames_of(folder: Path, part: str, root: Path) -> list[dict[str, str]]:
    files = next((found for place in image_folders(folder) if (found := _files_in(place, IMAGE_ENDING))), None)
    if files is None:
        raise CatalogError(
            "data.no-images",
            f"AOI {folder.name}: no images; expected {IMAGE_ENDING} files in its {' or '.join(IMAGE_FOLDERS)}",
        )
    images = _by_month(folder, files, IMAGE_ENDING)
    kind, labels = next(iter(labels_by_kind(folder)), ""), label_files(folder)
    masks = _by_month(folder, _files_in(folder / MASK_FOLDER, MASK_ENDING), MASK_ENDING)

    def relative(path: Path | None) -> str:
        return path.relative_to(root).as_posix() if path else ""

    rows = []
    for month, image in images.items():
        row = {"aoi": folder.name, "time": month, "part": part, "image": relative(image)}
        row |= {"labels": relative(labels.get(month)), "labels_kind": kind if month in labels else ""}
        rows.append(row | {"mask": relative(masks.get(month))})
    return rows


def _by_month(folder: Path, files: list[Path], ending: str) -> dict[str, Path]:
    """Return month → file of one AOI folder, by date. Names that break the pattern are all named in one error."""
    frames = {path: frame_of(path.name, ending) for path in files}
    wrong = [path for path, frame in frames.items() if frame is None or frame[0] != folder.name]
    if wrong:
        raise CatalogError(
            "data.file-name",
            f"AOI {folder.name}: {wrong[0].parent.name} holds {[path.name for path in wrong[:3]]}"
            f"{' …' * (len(wrong) > 3)}; expected {example_stem(folder.name)}{ending}",
        )
    return {frame[1]: path for path, frame in frames.items() if frame}  # stems of one AOI sort by date


def read_labels(root: Path, source: Source) -> RawLabels:
    """Read a label file. ``labels_match_pix`` holds pixels, whatever CRS a reader reports for it."""
    return read_geojson(root / source["labels"], in_pixels=source["labels_kind"] == PIXELS)


def group_neighbours(frames: pd.DataFrame, split: SplitParams) -> dict[str, str]:
    """Return AOI to the first AOI of its group: neighbours, directly or through others.

    The zoom-13 tiles of neighbours lie at most ``neighbour_tiles`` apart along both axes.
    """
    aois = sorted(frames["aoi"].unique())
    if not aois:
        return {}
    tiles = np.array([tile_of(aoi)[:2] for aoi in aois])
    near = np.abs(tiles[:, None] - tiles).max(axis=2) <= split.neighbour_tiles  # (aois, aois)
    first: dict[int, str] = {}
    groups = connected_components(near, directed=False)[1].tolist()
    return {aoi: first.setdefault(group, aoi) for aoi, group in zip(aois, groups, strict=True)}


def name_facts(root: Path, sources: pd.DataFrame) -> list[NameFacts]:
    """Return what names say of every frame, of labels without an image, and of images that are passed over."""
    facts = []
    for row in sources.to_dict("records"):
        image, frame = root / row["image"], frame_of(Path(row["image"]).stem, "")
        labelled: bool | None = bool(row["labels"])
        if not labelled and row["part"] == TEST and not label_files(image.parent.parent):
            labelled = None  # none are expected
        names = {"aoi": row["aoi"], "time": row["time"], "file": row["image"], "has_image": True}
        stem_ok = frame is not None and frame[0] == row["aoi"]
        facts.append(names | {"has_labels": labelled, **_in_folders(image), "stem_ok": stem_ok})
    for aoi, rows in sources.groupby("aoi"):
        facts += _facts_of_strays(root, str(aoi), set(rows["time"]), (root / rows["image"].iloc[0]).parent.parent)
    return facts


def _facts_of_strays(root: Path, aoi: str, times: set[str], folder: Path) -> list[NameFacts]:
    """Return labels and unmasked images of months that the table lacks: only one folder of an AOI's images is read."""
    unmasked = folder / UNMASKED
    found: list[tuple[str, Path, NameFacts]] = [
        (time, path, {"has_image": False, "has_labels": True})
        for time, path in label_files(folder).items()
        if time not in times and not (unmasked / (stem_of(aoi, time) + IMAGE_ENDING)).is_file()
    ]
    for path in _files_in(unmasked, IMAGE_ENDING):
        frame = frame_of(path.stem, "")
        if frame and frame[0] == aoi and frame[1] not in times:
            found.append((frame[1], path, _in_folders(path)))
    return [
        {"aoi": aoi, "time": time, "file": path.relative_to(root).as_posix(), "fault": "", **facts}
        for time, path, facts in found
    ]


def _in_folders(image: Path) -> NameFacts:
    """Return by its name which folders of images hold a file; nothing where there is only one such folder."""
    folders = image_folders(image.parent.parent)
    if not all(any(folder.glob(f"*{IMAGE_ENDING}")) for folder in folders):
        return {}
    # What is there and is no file is told as unreadable, not as missing.
    masked, unmasked = (os.path.lexists(folder / image.name) for folder in folders)
    return {"in_masked": masked, "in_unmasked": unmasked}


def name_of(x: int, y: int, zoom: int) -> str:
    """Return the name of the AOI on a web-mercator tile: its quad at zoom 15 (TMS, y from the south), tile and zoom.

    >>> name_of(1327, 3160, 13)
    'L15-0331E-1257N_1327_3160_13'
    """
    return f"L15-{x // 4:04d}E-{2047 - y // 4:04d}N_{x}_{y}_{zoom}"


def place_of(aoi: str) -> Affine:
    """Return pixel corner to EPSG:3857 of the tile that an AOI's name states."""
    return tile_transform(*tile_of(aoi))


SPACENET7 = Layout("spacenet7", scan, read_labels, group_neighbours, name_facts=name_facts, place=place_of)
