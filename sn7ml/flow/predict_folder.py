"""Predict a folder of images: find the buildings in each and follow them through time.

A prediction that was killed goes on where it stopped, see :mod:`sn7ml.outputs.prediction_folder`.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

import sn7ml
from sn7ml.core.errors import Sn7Error
from sn7ml.core.geo.grid import Grid
from sn7ml.core.runtime.files import replacing
from sn7ml.flow.evaluate import extract_aois
from sn7ml.learn.predict import predict_frames
from sn7ml.learn.trained_model import TrainedModel
from sn7ml.outputs.exports import count_buildings, write_counts, write_geojson
from sn7ml.outputs.footprints import write_footprints
from sn7ml.outputs.prediction_folder import PROBABILITIES, Job, claimed, hash_images, without_done, write_job
from sn7ml.outputs.probabilities import usable_fraction
from sn7ml.outputs.submission import write_submission
from sn7ml.package_files import DATA_PROFILE
from sn7ml.report.maps.tracks import prediction_map
from sn7ml.report.pages.drift import write_drift
from sn7ml.scenes.input_checks import check_frames, read_any_image
from sn7ml.scenes.layouts.images import find_frames
from sn7ml.scenes.scored_columns import Stretch
from sn7ml.tasks import task_named
from sn7ml.validation.drift import DataProfile, Drift, drift_of_frames, read_profile

LIBRARIES = ("torch", "segmentation-models-pytorch", "timm", "numpy", "scipy", "rasterio", "shapely")
"""Their versions are recorded, since results depend on them."""

PREDICTING, TRACKING, WRITING = "predicting", "following buildings through time", "writing"

UNKNOWN_TRUST = "the model does not say what its training frames looked like; models that the pipeline registers do"

MOSTLY = 0.5
"""Share of usable pixels from which an image is fit to be drawn under the map."""

Progress = Callable[[str, int, int], None]
"""Called with the step (``PREDICTING``, ``TRACKING``, ``WRITING``), how much of it is done, and of how much."""


@dataclass(frozen=True)
class Images:
    """Images that a model can be asked about. Their headers were checked; their pixels are read frame by frame."""

    root: Path
    """The folder to which the paths in ``frames`` are relative."""

    frames: pd.DataFrame
    """``SOURCES``."""

    grids: Mapping[str, Grid]
    """AOI to the one grid of its images."""


@dataclass(frozen=True)
class Prediction:
    """What was found, as it stands in the folder of results."""

    folder: Path
    frames: pd.DataFrame
    """``SOURCES`` that were predicted."""

    tracks: pd.DataFrame
    """``TRACKS``: a row per building and month, outlines in pixels of the images."""

    counts: pd.DataFrame
    """``COUNTS``: buildings and their area in each frame."""

    drift: Drift | None
    """How the images differ from those that the model learned from; None if the model does not say what these were."""

    @property
    def buildings(self) -> int:
        """How many buildings were found; one that stands for many months counts once."""
        return len(self.tracks.drop_duplicates(["aoi", "id"]))


def open_images(path: Path | str, month: str | None = None, *, any_pixel_size: bool = False) -> Images:
    """Find the images in ``path`` and look at every header.

    ``path`` is a folder in the SpaceNet 7 layout (labels are not needed), a folder of one area's GeoTIFFs, or one
    GeoTIFF; ``month``, such as ``2020-05``, is for a single one whose name has none. ``any_pixel_size`` takes images
    whose pixels are not about 4 m on the ground.

    Raises CatalogError if there is no image, or files whose names do not say their month, and RasterError, naming every
    image that cannot be predicted, with the reason and the cure.
    """
    root, frames = find_frames(Path(path), month)
    return Images(root, frames, check_frames(root, frames, any_pixel_size=any_pixel_size))


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
    images = images if isinstance(images, Images) else open_images(images)
    looks = model.folder / DATA_PROFILE
    profile = read_profile(looks) if looks.exists() else None  # a damaged model fails before anything is written
    out, predictor = Path(out), model.predictor
    versions = {"sn7ml": sn7ml.__version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in LIBRARIES}
    job = Job(model.names, model.usage, hash_images(images.root, images.frames), versions)
    try:
        with claimed(out, job, overwrite=overwrite):
            left, total = without_done(out, images.frames), len(images.frames)
            progress(PREDICTING, total - len(left), total)
            stretches = {aoi: [Stretch(0, grid.shape[1])] for aoi, grid in images.grids.items()}
            frames = predict_frames(predictor, images.root, left, stretches, out / PROBABILITIES, read_any_image)
            for done, _ in enumerate(frames, start=total - len(left) + 1):
                progress(PREDICTING, done, total)
            progress(TRACKING, 0, 1)
            output = task_named(model.usage.task).output
            tracks = extract_aois(output, out / PROBABILITIES, images.grids, model.usage.output)
            progress(TRACKING, 1, 1)
            progress(WRITING, 0, 1)
            found = _write_results(out, images, tracks, profile)
            counts = {"frames": len(found.frames), "buildings": found.buildings, "footprints": len(tracks)}
            trust, why = (found.drift.level, found.drift.sentence) if found.drift else ("unknown", UNKNOWN_TRUST)
            write_job(out, job, counts | {"trust": trust, "why": why})
            progress(WRITING, 1, 1)
    except OSError as error:
        raise Sn7Error(
            "prediction.cannot-write",
            f"cannot write to {out} ({error}). What lies there is whole: mend the cause, and the same command goes on",
        ) from None
    return found


def _write_results(out: Path, images: Images, tracks: pd.DataFrame, profile: DataProfile | None) -> Prediction:
    """Write footprints in all their forms, counts, maps and, if the training frames are known, drift."""
    frames, grids = images.frames, images.grids
    keys = zip(frames["aoi"], frames["time"], strict=True)
    usable = {(aoi, month): usable_fraction(out / PROBABILITIES / aoi / f"{month}.tif") for aoi, month in keys}
    counts = count_buildings(tracks, frames, grids, usable)
    write_footprints(out / "footprints", tracks, grids)
    write_geojson(out / "geojson", tracks, frames, grids)
    write_submission(out / "submission.csv", tracks)
    write_counts(out / "buildings.csv", counts)
    for aoi in grids:
        with replacing(out / "maps" / f"{aoi}.png") as temporary:
            temporary.write_bytes(_map_of(aoi, images, tracks, usable))
    drift = None
    if profile is not None:
        drift = drift_of_frames(images.root, frames, profile, counts.rename(columns={"buildings": "n"}))
        write_drift(out, drift)
    return Prediction(out, frames, tracks, counts, drift)


def _map_of(aoi: str, images: Images, tracks: pd.DataFrame, usable: Mapping[tuple[str, str], float]) -> bytes:
    """Draw the buildings of one AOI over its last image that is mostly usable, or else the most usable one: a PNG."""
    frames = images.frames[images.frames["aoi"] == aoi]
    files = dict(zip(frames["time"], frames["image"], strict=True))
    clear = [month for month in files if usable[aoi, month] >= MOSTLY]
    shown = clear[-1] if clear else max(files, key=lambda month: usable[aoi, month])
    pixels = read_any_image(images.root / files[shown]).pixels
    return prediction_map(tracks[tracks["aoi"] == aoi], pixels, list(files), shown)
