"""Predict a folder of images: find the buildings in each and, with models of series, follow them through time.

A prediction that was killed goes on where it stopped, see :mod:`sn7ml.outputs.prediction_folder`.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pandas as pd

import sn7ml
from sn7ml.core.errors import ParamsError, Sn7Error
from sn7ml.core.geo.grid import Grid
from sn7ml.core.geo.stretch import Stretch as BrightnessStretch
from sn7ml.core.runtime.files import replacing
from sn7ml.core.runtime.parallel import map_items
from sn7ml.flow.evaluate import extract_aois
from sn7ml.learn.predict import predict_frames
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.outputs.exports import count_buildings, write_counts, write_geojson
from sn7ml.outputs.footprints import write_footprints
from sn7ml.outputs.prediction_folder import PROBABILITIES, Job, claimed, hash_images, without_done, write_job
from sn7ml.outputs.probabilities import usable_fraction
from sn7ml.outputs.submission import write_submission
from sn7ml.package_files import DATA_PROFILE
from sn7ml.params import StretchParams, Usage
from sn7ml.report.maps.tracks import prediction_map
from sn7ml.report.pages.drift import write_drift
from sn7ml.scenes.conversion import IMAGES, convert_image, stretches_like
from sn7ml.scenes.input_checks import check_frames, check_scenes, read_any_image, trained_pixel, trained_shape
from sn7ml.scenes.layouts.images import find_frames, find_pictures, find_scenes
from sn7ml.scenes.raw_images import OpenImage, open_geotiff_image
from sn7ml.scenes.scored_columns import Stretch
from sn7ml.tasks import task_named
from sn7ml.validation.drift import DataProfile, Drift, drift_of_frames, read_profile

LIBRARIES = ("torch", "segmentation-models-pytorch", "timm", "numpy", "scipy", "rasterio", "shapely")
"""Their versions are recorded, since results depend on them."""

FOOTPRINTS = "footprints"

PREDICTING, TRACKING, WRITING = "predicting", "following buildings through time", "writing"
OUTLINING = "drawing outlines"
"""The second step of single images."""

UNKNOWN_TRUST = "the model does not say what its training frames looked like; models that the pipeline registers do"

MOSTLY = 0.5
"""Share of usable pixels from which an image is fit to be drawn under the map."""

Progress = Callable[[str, int, int], None]
"""Called with the step (``PREDICTING``, ``TRACKING`` or ``OUTLINING``, ``WRITING``), how much of it is done, and of how
much."""


@dataclass(frozen=True)
class Conversion:
    """How single images become bytes of red, green, blue and alpha, like those that a model learned from."""

    open_image: OpenImage
    how: StretchParams
    stretches: Mapping[str, BrightnessStretch]

    name: str
    """Whose brightness is stretched how, for people."""

    resampled: int
    """Images whose pixels are smaller or larger than those of the training: they are resampled for the network."""

    def converted(self, images: "Images", out: Path) -> "Images":
        """Write the images that ``out`` lacks into it, and return them all as they lie there."""
        rows = {row["aoi"]: row for row in images.frames.to_dict("records")}
        paths = {aoi: f"{IMAGES}/{aoi}/{row['time']}.tif" for aoi, row in rows.items()}
        lacking = {aoi: row for aoi, row in rows.items() if not (out / paths[aoi]).exists()}
        map_items(partial(convert_image, images.root, self.open_image, self.how, self.stretches, out), lacking)
        return replace(images, root=out, frames=images.frames.assign(image=images.frames["aoi"].map(paths), mask=""))


@dataclass(frozen=True)
class Images:
    """Images that a model can be asked about. Their headers were checked; their pixels are read frame by frame."""

    root: Path
    """The folder to which the paths in ``frames`` are relative."""

    frames: pd.DataFrame
    """``SOURCES``."""

    grids: Mapping[str, Grid]
    """AOI to the one grid of its images."""

    conversion: Conversion | None = None
    """How single images become what networks take; None for series of months, which are that already."""


@dataclass(frozen=True)
class Prediction:
    """What was found, as it stands in the folder of results."""

    folder: Path
    frames: pd.DataFrame
    """``SOURCES`` that were predicted."""

    tracks: pd.DataFrame
    """Rows of the task's output, outlines in pixels of the images: ``TRACKS``, a row per building and month; of single
    images ``FOUND``, a row per building, or ``CLASS_COUNTS``, a row per class."""

    counts: pd.DataFrame
    """``COUNTS``, or ``SCENE_COUNTS`` of single images: buildings and their area in each frame; or ``CLASS_COUNTS``."""

    drift: Drift | None
    """How the images differ from those that the model learned from; None if the model does not say what these were."""

    said: str
    """The same in a few words."""

    @property
    def buildings(self) -> int:
        """How many buildings were found; one that stands for many months counts once. 0 of land use."""
        return len(self.tracks.drop_duplicates(["aoi", "id"])) if "id" in self.tracks else 0


def open_images(
    path: Path | str,
    month: str | None = None,
    *,
    any_pixel_size: bool = False,
    model: TrainedModel | None = None,
    stretch: str | None = None,
    zoom: int | None = None,
) -> Images:
    """Find the images in ``path`` and look at every header.

    What ``path`` may be depends on the task of ``model``; None is one of ``buildings_through_time``. For that task it
    is a folder in the SpaceNet 7 layout (labels are not needed), a folder of one area's GeoTIFFs, or one GeoTIFF;
    ``month``, such as ``2020-05``, is for a single one whose name has none. For tasks of single images it is a GeoTIFF
    of bytes, 16 bits or floats in any CRS, a folder of such, a folder in the SpaceNet 2 layout, or one of map tiles, of
    which ``zoom`` chooses. ``stretch`` names the part of the training data, such as a city, by whose stretch their
    brightness becomes bytes, if there are several; bytes stay as they are.

    ``any_pixel_size`` takes images whose pixels are much larger or smaller than those of the training.

    Raises CatalogError if there is no image, or files whose names cannot be used; RasterError, naming every image that
    cannot be predicted, with the reason and the cure; and ParamsError if an option is wanting or of no use.
    """
    if model is None or task_named(model.usage.task).output.export is None:
        if stretch is not None or zoom is not None:
            raise ParamsError(
                "options.single-images", "--stretch and --zoom are for models of single images; omit them"
            )
        root, frames = find_frames(Path(path), month)
        return Images(root, frames, check_frames(root, frames, any_pixel_size=any_pixel_size))
    if month is not None:
        raise ParamsError("options.month", f"--month {month} is for models of series; single images need none")
    find = find_scenes if task_named(model.usage.task).output.needs_place else find_pictures
    root, frames, layout = find(Path(path), zoom)
    open_image, known = layout.open_image or open_geotiff_image, model.images
    found = check_scenes(root, frames, open_image, known, any_pixel_size=any_pixel_size)
    grids = {aoi: image.grid for aoi, image in found.items()}
    deep = {aoi for aoi, image in found.items() if image.dtype != "uint8"}
    how, stretches, name = StretchParams(), dict[str, BrightnessStretch](), "bytes, taken as they are"
    if deep:
        parts = set(frames.loc[frames["aoi"].isin(deep), "part"])
        how, stretches, name = stretches_like(known, parts, stretch)
    resampled = sum(trained_shape(grid, known) is not None for grid in grids.values())
    return Images(root, frames, grids, Conversion(open_image, how, stretches, name, resampled))


def predict_folder(
    images: Images | Path | str,
    out: Path | str,
    model: TrainedModel,
    *,
    overwrite: bool = False,
    progress: Progress = lambda _step, _done, _total: None,
) -> Prediction:
    """Find the buildings of satellite images and follow them through time.

    ``images`` is what :func:`open_images` gave, or a path that it takes. ``out`` is a new or empty folder, or that of
    this very prediction, which then goes on; docs/predicting.md lists its files. ``overwrite`` removes an earlier
    prediction there and begins anew.

    Raises CatalogError if ``out`` holds something else, or another process writes there; ModelError if the package is
    damaged; and Sn7Error if ``out`` cannot be written to (what lies there is whole).
    """
    images = images if isinstance(images, Images) else open_images(images, model=model)
    looks = model.folder / DATA_PROFILE
    profile = read_profile(looks) if looks.exists() else None  # a damaged model fails before anything is written
    out, predictor = Path(out), model.predictor
    versions = {"sn7ml": sn7ml.__version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in LIBRARIES}
    conversion = images.conversion
    hashed = hash_images(images.root, images.frames)
    job = Job(model.names, model.usage, hashed, versions, conversion.name if conversion else None)
    try:
        with claimed(out, job, overwrite=overwrite):
            images = conversion.converted(images, out) if conversion else images
            left, total = without_done(out, images.frames), len(images.frames)
            progress(PREDICTING, total - len(left), total)
            columns = {aoi: [Stretch(0, grid.shape[1])] for aoi, grid in images.grids.items()}
            rasters = out / PROBABILITIES
            frames = predict_frames(predictor, images.root, left, columns, rasters, read_any_image)
            for done, _ in enumerate(frames, start=total - len(left) + 1):
                progress(PREDICTING, done, total)
            output = task_named(model.usage.task).output
            step = OUTLINING if output.export else TRACKING
            progress(step, 0, 1)
            scales = {aoi: trained_pixel(grid, model.images) for aoi, grid in images.grids.items()}
            tracks = extract_aois(output, rasters, images.grids, model.usage.output, scales)
            progress(step, 1, 1)
            progress(WRITING, 0, 1)
            found = _write_results(out, images, tracks, model.usage, profile)
            counts = {"frames": len(found.frames), **output.sums(tracks)}
            trust, why = (found.drift.level, found.drift.sentence) if found.drift else ("unknown", UNKNOWN_TRUST)
            write_job(out, job, counts | {"trust": trust, "why": why})
            progress(WRITING, 1, 1)
    except OSError as error:
        raise Sn7Error(
            "prediction.cannot-write",
            f"cannot write to {out} ({error}). What lies there is whole: mend the cause, and the same command goes on",
        ) from None
    return found


def _write_results(
    out: Path, images: Images, tracks: pd.DataFrame, usage: Usage, profile: DataProfile | None
) -> Prediction:
    """Write footprints in all their forms, counts, maps of series and, if the training frames are known, drift."""
    frames, output = images.frames, task_named(usage.task).output
    if output.export:
        output.write(out / output.folder, tracks, images.grids)
        counts = output.export(out, tracks, images.grids, out / PROBABILITIES, usage.output)
    else:
        counts = _write_series(out, images, tracks)
    drift = None
    if profile is not None:
        density = counts.rename(columns={"buildings": "n"}) if "buildings" in counts else None
        drift = drift_of_frames(images.root, frames, profile, density)
        write_drift(out, drift)
    return Prediction(out, frames, tracks, counts, drift, output.said(tracks))


def _write_series(out: Path, images: Images, tracks: pd.DataFrame) -> pd.DataFrame:
    """Write what was found in series of months; return ``COUNTS``."""
    frames, grids = images.frames, images.grids
    keys = zip(frames["aoi"], frames["time"], strict=True)
    usable = {(aoi, month): usable_fraction(out / PROBABILITIES / aoi / f"{month}.tif") for aoi, month in keys}
    counts = count_buildings(tracks, frames, grids, usable)
    write_footprints(out / FOOTPRINTS, tracks, grids)
    write_geojson(out / "geojson", tracks, frames, grids)
    write_submission(out / "submission.csv", tracks)
    write_counts(out / "buildings.csv", counts)
    for aoi in grids:
        with replacing(out / "maps" / f"{aoi}.png") as temporary:
            temporary.write_bytes(_map_of(aoi, images, tracks, usable))
    return counts


def _map_of(aoi: str, images: Images, tracks: pd.DataFrame, usable: Mapping[tuple[str, str], float]) -> bytes:
    """Draw the buildings of one AOI over its last image that is mostly usable, or else the most usable one: a PNG."""
    frames = images.frames[images.frames["aoi"] == aoi]
    files = dict(zip(frames["time"], frames["image"], strict=True))
    clear = [month for month in files if usable[aoi, month] >= MOSTLY]
    shown = clear[-1] if clear else max(files, key=lambda month: usable[aoi, month])
    pixels = read_any_image(images.root / files[shown]).pixels
    return prediction_map(tracks[tracks["aoi"] == aoi], pixels, list(files), shown)
