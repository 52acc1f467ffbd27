"""Cached network output: a GeoTIFF per frame, with a band for each channel, which says its name, and the band "usable".

255 is certain; usable is 0 where there is no evidence. With three channels QGIS shows it as a picture. Signed distances
are kept as 0 to 255 too, with scale and offset in the file, by which GDAL and QGIS show metres. Beside them, in
``shades/``, lies what the network looked at, on the original grid: a tracker dates births by it too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.errors import RasterError
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.probabilities import CERTAIN, Probabilities
from sn7ml.core.runtime.files import replacing
from sn7ml.core.schemas import UNDATED
from sn7ml.scenes.images import grid_of, read_grid, read_image
from sn7ml.scenes.rasters import Meaning, open_geotiff, write_bands

TIME_PATTERN = re.compile(rf"\d{{4}}-(0[1-9]|1[0-2])|{UNDATED}", re.ASCII)
USABLE = "usable"
"""Name of the last band."""

SHADE_NAMES = ("red", "green", "blue", USABLE)
SHADES = "shades"
"""Folder beside the probabilities of an AOI."""

CURE = "run `dvc repro predict`"


def write_probabilities(
    path: Path,
    probabilities: Probabilities,
    channels: Sequence[str],
    grid: Grid,
    upsampling: int,
    unit_m: float | None = None,
) -> None:
    """Write the output for one frame. ``path`` comes last, after the shades beside it: where it is, all is there.

    ``grid`` is that of the original image, and ``upsampling`` the pixels of the raster per pixel of the image, along
    each axis. ``unit_m`` is of signed distances: 0 and 255 are so many metres outside and inside. Raises RasterError or
    OSError if the disk is full, or fails otherwise; ``path`` is then as it was.
    """
    usable = probabilities.usable.astype(np.uint8) * np.uint8(255)
    meaning: list[Meaning] = []
    if unit_m:
        meaning = [*[(2 * unit_m / CERTAIN, -unit_m, "m")] * len(channels), (1.0, 0.0, "")]
    if probabilities.shades is not None:
        seen = usable[::upsampling, ::upsampling]
        _write(path.parent / SHADES / path.name, [*probabilities.shades, seen], SHADE_NAMES, grid)
    _write(path, [*probabilities.channels, usable], [*channels, USABLE], grid.upsampled(upsampling), meaning)


def _write(
    path: Path, bands: Sequence[NDArray[np.uint8]], names: Sequence[str], grid: Grid, meaning: Sequence[Meaning] = ()
) -> None:
    with replacing(path) as temporary:
        write_bands(temporary, bands, names, grid, meaning=meaning)
        # Read it back: GDAL keeps the last bytes until the file is closed, and rasterio does not hear if those fail.
        try:
            with open_geotiff(temporary) as source:
                whole = np.array_equal(source.read(), bands)
        except RasterError:
            whole = False
        if not whole:
            raise RasterError("probabilities.incomplete", f"{path}: was not written whole; is the disk full?")


def usable_fraction(path: Path) -> float:
    """Return the share of pixels of a raster of probabilities where there is evidence, 0 to 1. Raises RasterError."""
    with open_geotiff(path) as source:
        return float((source.read(source.count) > 0).mean())


def usable_pixels(path: Path, grid: Grid) -> NDArray[np.bool_]:
    """Return where a raster of probabilities has evidence, by pixels of the image: (rows, cols). Raises RasterError."""
    with open_geotiff(path) as source:
        fine = source.read(source.count) > 0
    return np.asarray(fine[:: fine.shape[0] // grid.shape[0], :: fine.shape[1] // grid.shape[1]])


class ProbabilityCube(Mapping[str, Probabilities]):
    """Month → probabilities of one AOI, read from disk each time they are asked for.

    ``folder`` holds ``2018-01.tif`` and so on; months come in order of date. ``grid`` is that of the original images,
    and ``channels`` are what the rasters must hold, in this order; None takes what the first one holds.

    Raises RasterError if the folder holds no month, or a raster that is named like none; or, when it is read, if a
    raster has other channels, or is not on the up-sampled grid.
    """

    def __init__(self, folder: Path, grid: Grid, channels: Sequence[str] | None = None) -> None:
        self.folder = folder
        self.grid = grid
        self._wanted = channels
        self._paths = {path.stem: path for path in sorted(folder.glob("[!.]*.tif"))}
        if wrong := [name for name in self._paths if not TIME_PATTERN.fullmatch(name)]:
            fault = f"{folder}: {wrong[:3]} are no months such as 2018-01; {CURE}"
            raise RasterError("probabilities.file-name", fault)
        if not self._paths:
            raise RasterError("probabilities.none", f"{folder}: no probabilities such as 2018-01.tif; {CURE}")

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """Their names, in order."""
        if self._wanted is not None:
            return tuple(self._wanted)
        with open_geotiff(next(iter(self._paths.values()))) as source:
            return tuple(str(name) for name in source.descriptions[:-1])

    @cached_property
    def upsampling(self) -> int:
        """Pixels of the rasters per pixel of the original image, along each axis."""
        path = next(iter(self._paths.values()))
        found = read_grid(path)
        factor: int = max(round(self.grid.transform.a / found.transform.a), 1)
        self._check(path, found, factor)
        return factor

    @cached_property
    def unit_m(self) -> float | None:
        """Metres of a signed distance of 1; None where channels are probabilities."""
        with open_geotiff(next(iter(self._paths.values()))) as source:
            return -float(source.offsets[0]) or None

    def _check(self, path: Path, found: Grid, factor: int) -> None:
        if found != self.grid.upsampled(factor):
            fault = f"{path} is on {found}, which is not the images' {self.grid} up-sampled {factor} times; {CURE}"
            raise RasterError("probabilities.grid", fault)

    def __getitem__(self, month: str) -> Probabilities:
        path, names = self._paths[month], (*self.channels, USABLE)
        with open_geotiff(path) as source:
            if source.descriptions != names or set(source.dtypes) != {"uint8"}:
                raise RasterError(
                    "probabilities.bands",
                    f"{path}: expected the bands {list(names)} of uint8, got {list(source.descriptions)} of "
                    f"{sorted(set(source.dtypes))}; {CURE}",
                )
            bands, grid = source.read(), grid_of(source, path)
        self._check(path, grid, self.upsampling)
        shades = None
        if (self.folder / SHADES).is_dir():
            image = read_image(self.folder / SHADES / path.name)
            self._check(self.folder / SHADES / path.name, image.grid, 1)
            shades = image.pixels[:3]
        return Probabilities(bands[:-1], bands[-1] > 0, shades)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def crop_cube(cube: Mapping[str, Probabilities], upsampling: int, columns: tuple[int, int]) -> dict[str, Probabilities]:
    """Return month → probabilities of some columns, kept in memory.

    They take 2.3 MB per month and 100 columns of 1024 rows, up-sampled 3 times. ``cube`` is read once, whole;
    ``upsampling`` are its pixels per pixel of the original image, along each axis; ``columns`` are (start, stop) of the
    original image, stop exclusive.
    """
    kept, shown = slice(columns[0] * upsampling, columns[1] * upsampling), slice(*columns)
    return {
        month: Probabilities(
            np.ascontiguousarray(found.channels[..., kept]),
            found.usable[:, kept].copy(),
            None if found.shades is None else found.shades[..., shown].copy(),
        )
        for month, found in cube.items()
    }
