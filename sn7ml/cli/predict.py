"""Footprints of new images by a registered model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sn7ml.cli.findings import show_drift
from sn7ml.cli.terminal import console, errors, say
from sn7ml.core.errors import ParamsError


def predict(  # noqa: PLR0913, PLR0917 - the command line's own signature
    data: Annotated[
        Path,
        typer.Argument(
            help="A GeoTIFF, a folder of GeoTIFFs, or a folder in the layout of the model's task, labels or not."
        ),
    ],
    out: Annotated[
        Path, typer.Argument(help="Folder for the results: new, empty, or of the same prediction, which continues.")
    ],
    model: Annotated[
        str, typer.Option(help="A registry address, or a folder such as build/model.")
    ] = "models:/sn7-buildings@champion",
    params: Annotated[
        Path | None,
        typer.Option(
            help="A params.yaml whose sections predict and output are used. Default: those of the registered model, or "
            "of ./params.yaml if MODEL is a folder without any."
        ),
    ] = None,
    tracker: Annotated[
        Path | None, typer.Option(help="A file with section output alone: the tuned one is build/tuning/best.yaml.")
    ] = None,
    month: Annotated[str | None, typer.Option(help="Month, 2020-05, of one GeoTIFF whose name has none.")] = None,
    any_pixel_size: Annotated[
        bool, typer.Option("--any-pixel-size", help="Take images with pixels of another size than in training.")
    ] = False,
    stretch: Annotated[
        str | None,
        typer.Option(help="Single images of more than 8 bits: the part of the training data whose stretch is used."),
    ] = None,
    zoom: Annotated[int | None, typer.Option(help="Map tiles: which zoom, if the folder holds several.")] = None,
    hdf5: Annotated[
        bool, typer.Option("--hdf5", help="Land use: write predictions.hdf5 too, pixels by class as laika's.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Remove an earlier prediction in OUT first.")] = False,
) -> None:
    """Find the buildings, or the land use, of satellite images with a registered model.

    Writes footprints/<AOI>.parquet, submission.csv, buildings.csv (count and area per image), probabilities/,
    drift.html (how far to trust the model on these images, if it has a profile of its training data), and predict.json
    (what produced them). A model of monthly series follows buildings through time and adds
    geojson/<AOI>/<month>.geojson and maps/<AOI>.png; one of single images adds buildings.gpkg, buildings.geojson and
    masks/. A model of land use writes maps/, heat/, counts.csv and classes.gpkg in place of buildings. After a kill it
    continues.
    """
    from sn7ml.flow.predict_folder import UNKNOWN_TRUST, open_images, predict_folder
    from sn7ml.outputs.class_map_hdf5 import write_hdf5
    from sn7ml.outputs.prediction_folder import PROBABILITIES, read_job
    from sn7ml.registry.requested import load_model
    from sn7ml.scenes.layouts.images import require_there

    read_job(out)  # refuses a folder of something else, before any work
    require_there(data)
    trained = load_model(model, params, tracker)
    options: dict[str, Any] = {"any_pixel_size": any_pixel_size, "stretch": stretch, "zoom": zoom}
    if hdf5 and trained.usage.task != "land_use":
        raise ParamsError("options.hdf5", f"--hdf5 is for models of land use; this one is of {trained.usage.task}")
    images = open_images(data, month, model=trained, **options)
    with progress_bars() as progress:
        found = predict_folder(images, out, trained, overwrite=overwrite, progress=progress)
    if hdf5:
        write_hdf5(out / "predictions.hdf5", out / PROBABILITIES, images.grids)
    say(f"{found.said} in {len(found.frames)} {'images' if images.conversion else 'frames'}: {out}")
    if images.conversion:
        say(f"brightness: {images.conversion.name}")
        if images.conversion.resampled:
            say(f"resampled for the networks to pixels as large as in training: {images.conversion.resampled} images")
    if found.drift is None:
        say(f"how far to trust the model here is unknown: {UNKNOWN_TRUST}")
    else:
        show_drift(found.drift)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a hook that shows a bar for each step, and says once how much of it an earlier process has done."""
    shown = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *shown, console=errors) as bars:
        rows = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in rows:
                rows[step] = bars.add_task(step, total=total, completed=done)
                if done:
                    console.print(f"{done} of {total} frames were there already")
            bars.update(rows[step], completed=done)

        yield show
