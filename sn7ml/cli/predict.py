"""Footprints of new images by a registered model."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sn7ml.cli.findings import show_drift, write_drift
from sn7ml.cli.terminal import console, errors
from sn7ml.core.errors import ParamsError, Sn7Error

if TYPE_CHECKING:
    from sn7ml.core.geo.grid import Grid
    from sn7ml.learn.predict import Predictor
    from sn7ml.params import Usage
    from sn7ml.validation.drift import Drift, Reference

NO_LOOKS = "the model does not say what its training frames looked like; models that the pipeline registers do"

MOSTLY = 0.5
"""Share of usable pixels from which an image is fit to be drawn under the map."""


def predict(  # noqa: PLR0913, PLR0917 - the command line's own signature
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder in the SpaceNet 7 layout (labels are not needed), a folder of one area's GeoTIFFs, or one GeoTIFF."
        ),
    ],
    out: Annotated[
        Path, typer.Argument(help="Folder for the results: new, empty, or of this very prediction, which goes on.")
    ],
    model: Annotated[
        str, typer.Option(help="A registry address, or a folder such as build/model.")
    ] = "models:/sn7-buildings@champion",
    params: Annotated[
        Path | None,
        typer.Option(
            help="A params.yaml whose sections predict and track are used. Without it those of the registered model are, or, "
            "for a folder that holds none, those of ./params.yaml."
        ),
    ] = None,
    tracker: Annotated[
        Path | None, typer.Option(help="Where section track is read instead: a tuned one, build/tuning/best.yaml.")
    ] = None,
    month: Annotated[
        str | None, typer.Option(help="The month of a single GeoTIFF, 2020-05, if its name says none.")
    ] = None,
    any_pixel_size: Annotated[
        bool, typer.Option("--any-pixel-size", help="Take images whose pixels are not about 4 m on the ground.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove an earlier prediction in OUT and begin anew.")
    ] = False,
) -> None:
    """Find the buildings of satellite images with a registered model, and follow them through time.

    Writes footprints/<AOI>.parquet, geojson/<AOI>/<month>.geojson, submission.csv, buildings.csv (count and area per month),
    maps/<AOI>.png, probabilities/<AOI>/<month>.tif, drift.html (how far to trust the model there, where it says what it learned
    from), and predict.json: what made them. Killed, it goes on where it stopped.
    """
    from sn7ml.flow.evaluate import track_aois  # noqa: PLC0415
    from sn7ml.learn.predict import load_predictor  # noqa: PLC0415
    from sn7ml.outputs.prediction_folder import PROBABILITIES, Task, claimed, hash_images, read_task, write_task  # noqa: PLC0415
    from sn7ml.registry.requested import fetch_model  # noqa: PLC0415
    from sn7ml.scenes.input_checks import check_frames  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.scenes.layouts.images import find_frames  # noqa: PLC0415

    read_task(out)  # refuses a folder of something else, before any work
    root, frames = find_frames(data, month)
    grids = check_frames(root, frames, any_pixel_size=any_pixel_size)
    found = fetch_model(model)
    usage, looks = choose_usage(found.folder, params, tracker), looks_of(found.folder)
    predictor = load_predictor(found.folder, usage.predict)
    task = Task(found.as_dict(), usage, hash_images(root, frames), versions())
    try:
        with claimed(out, task, overwrite=overwrite):
            run_network(predictor, root, frames, grids, out)
            with console.status("following buildings through time"):
                tracks = track_aois(out / PROBABILITIES, grids, usage.track)
            with console.status("writing"):
                write_results(out, tracks, root, frames, grids)
                drift = None if looks is None else drift_from(looks, root, frames, tracks)
            buildings = len(tracks.drop_duplicates(["aoi", "id"]))
            counts = {"frames": len(frames), "buildings": buildings, "footprints": len(tracks)}
            write_task(out, task, counts | trust(out, drift))
    except OSError as error:
        raise Sn7Error(
            "prediction.cannot-write",
            f"cannot write to {out} ({error}). What lies there is whole: mend the cause, and the same command goes on",
        ) from None
    console.print(f"{buildings} buildings, {len(tracks)} footprints in {len(frames)} frames: {out}", soft_wrap=True)
    show_trust(drift)


def choose_usage(package: Path, params: Path | None, tracker: Path | None) -> "Usage":
    """Return how to predict and track: see the options. Raises ParamsError where neither package nor options say."""
    from sn7ml.package_files import USAGE, read_usage  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.params import Usage, load_params, load_track  # noqa: PLC0415

    try:
        usage = None if params else read_usage(package)
    except ParamsError as error:
        raise ParamsError(
            error.code, f"{error}; or give --params FILE, which says in place of {USAGE} how the model is used"
        ) from None
    if usage is None:
        path = params or Path("params.yaml")
        if not path.exists():
            raise ParamsError(
                "package.no-usage",
                f"{package} does not say how it is used, as registered models do, and there is no {path}: give --params FILE",
            )
        whole = load_params(path)
        usage = Usage(predict=whole.predict, track=whole.track)
    return Usage(predict=usage.predict, track=load_track(tracker)) if tracker else usage


def versions() -> dict[str, str]:
    """Return the versions of what decides about the numbers."""
    import platform  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from importlib.metadata import version  # noqa: PLC0415

    import sn7ml  # noqa: PLC0415

    libraries = ("torch", "segmentation-models-pytorch", "timm", "numpy", "scipy", "rasterio", "shapely")
    return {
        "sn7ml": sn7ml.__version__, "python": platform.python_version(), **{name: version(name) for name in libraries}
    }  # fmt: skip


def run_network(
    predictor: "Predictor", root: Path, frames: pd.DataFrame, grids: Mapping[str, "Grid"], out: Path
) -> None:
    """Predict the frames that are not there yet, behind a progress bar."""
    from sn7ml.learn.predict import predict_frames  # noqa: PLC0415
    from sn7ml.outputs.prediction_folder import PROBABILITIES, without_done  # noqa: PLC0415
    from sn7ml.scenes.input_checks import read_any_image  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.scenes.scored_columns import Stretch  # noqa: PLC0415

    left = without_done(out, frames)
    done = len(frames) - len(left)
    if done:
        console.print(f"{done} of {len(frames)} frames were there already")
    stretches = {aoi: [Stretch(0, grid.shape[1])] for aoi, grid in grids.items()}
    columns = (TextColumn("predicting"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as progress:
        bar = progress.add_task("", total=len(frames), completed=done)
        for _ in predict_frames(predictor, root, left, stretches, out / PROBABILITIES, read_any_image):
            progress.advance(bar)


def write_results(
    out: Path, tracks: pd.DataFrame, root: Path, frames: pd.DataFrame, grids: Mapping[str, "Grid"]
) -> None:
    """Write footprints in all their forms, counts and maps."""
    from sn7ml.outputs.exports import count_buildings, write_counts, write_geojson  # noqa: PLC0415 - as above
    from sn7ml.outputs.footprints import write_footprints  # noqa: PLC0415
    from sn7ml.outputs.prediction_folder import PROBABILITIES  # noqa: PLC0415
    from sn7ml.outputs.probabilities import usable_fraction  # noqa: PLC0415
    from sn7ml.outputs.submission import write_submission  # noqa: PLC0415

    keys = list(zip(frames["aoi"], frames["time"], strict=True))
    usable = {(aoi, month): usable_fraction(out / PROBABILITIES / aoi / f"{month}.tif") for aoi, month in keys}
    write_footprints(out / "footprints", tracks, grids)
    write_geojson(out / "geojson", tracks, frames, grids)
    write_submission(out / "submission.csv", tracks)
    write_counts(out / "buildings.csv", count_buildings(tracks, frames, grids, usable))
    for aoi in grids:
        write_map(out / "maps" / f"{aoi}.png", tracks[tracks["aoi"] == aoi], root, frames[frames["aoi"] == aoi], usable)


def looks_of(package: Path) -> "Reference | None":
    """Read what a model's training frames looked like; None if it does not say. Raises ModelError."""
    from sn7ml.package_files import LOOKS  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.validation.drift import read_reference  # noqa: PLC0415

    return read_reference(package / LOOKS) if (package / LOOKS).exists() else None


def drift_from(looks: "Reference", root: Path, frames: pd.DataFrame, tracks: pd.DataFrame) -> "Drift":
    """Compare frames, and how densely built up they were found, with those the model learned from."""
    from sn7ml.validation.drift import drift_of_frames  # noqa: PLC0415 - keeps `sn7ml --help` quick

    found = tracks.groupby(["aoi", "time"]).size()
    keys = pd.MultiIndex.from_frame(frames[["aoi", "time"]])
    counts = (
        found.reindex(keys, fill_value=0).rename("n").reset_index()
    )  # a month without a building has a density of 0
    return drift_of_frames(root, frames, looks, counts)


def trust(out: Path, drift: "Drift | None") -> dict[str, str]:
    """Write drift.* if there is one, and return what the record says of it."""
    if drift is None:
        return {"trust": "unknown", "why": NO_LOOKS}
    write_drift(out, drift)
    return {"trust": drift.level, "why": drift.sentence}


def show_trust(drift: "Drift | None") -> None:
    """Print how far to trust the model."""
    if drift is None:
        console.print(f"how far to trust the model here is unknown: {NO_LOOKS}", soft_wrap=True)
    else:
        show_drift(drift)


def write_map(
    path: Path, tracks: pd.DataFrame, root: Path, frames: pd.DataFrame, usable: Mapping[tuple[str, str], float]
) -> None:
    """Draw the buildings of one AOI over its last image that is mostly usable, or else the most usable one."""
    from sn7ml.core.runtime.files import replacing  # noqa: PLC0415
    from sn7ml.report.maps.prediction import prediction_map  # noqa: PLC0415
    from sn7ml.scenes.input_checks import read_any_image  # noqa: PLC0415 - keeps `sn7ml --help` quick

    (aoi,) = frames["aoi"].unique()
    images = dict(zip(frames["time"], frames["image"], strict=True))
    clear = [month for month in images if usable[aoi, month] >= MOSTLY]
    shown = clear[-1] if clear else max(images, key=lambda month: usable[aoi, month])
    pixels = read_any_image(root / images[shown]).pixels
    with replacing(path) as temporary:
        temporary.write_bytes(prediction_map(tracks, pixels, list(images), shown))
