"""Footprints of new images by a registered model."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from sn7ml.cli.terminal import console
from sn7ml.errors import CatalogError


def predict(
    data: Annotated[Path, typer.Argument(help="A folder in the SpaceNet 7 layout; labels are not needed.")],
    out: Annotated[
        Path, typer.Argument(help="Folder for footprints/<AOI>.parquet, submission.csv and probabilities/.")
    ],
    model: Annotated[
        str, typer.Option(help="A registry URI, or a folder such as build/model.")
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
) -> None:
    """Find the buildings of any SpaceNet 7-layout folder with a registered model, and follow them through time."""
    from sn7ml.data.catalog import scan  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.data.footprints import write_footprints  # noqa: PLC0415
    from sn7ml.data.model_files import read_usage  # noqa: PLC0415
    from sn7ml.data.regions import Stretch, read_grids  # noqa: PLC0415
    from sn7ml.data.submission import write_submission  # noqa: PLC0415
    from sn7ml.experiment.registry import package_folder  # noqa: PLC0415
    from sn7ml.experiment.scoring import track_aois  # noqa: PLC0415
    from sn7ml.learn.predict import load_predictor, predict_frames  # noqa: PLC0415
    from sn7ml.params import load_params, load_track  # noqa: PLC0415

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CatalogError(
            f"{out} is not an empty folder; results of two predictions would mix: name another, or remove it"
        )
    package, frames = package_folder(model), scan(data)
    usage = load_params(params) if params else read_usage(package) or load_params()
    aois = sorted(frames["aoi"].unique())
    grids = read_grids(data, frames, aois)
    predictor = load_predictor(package, usage.predict)
    stretches = {aoi: [Stretch(0, grid.shape[1])] for aoi, grid in grids.items()}
    for _ in track(
        predict_frames(predictor, data, frames, stretches, out / "probabilities"), "predicting", total=len(frames)
    ):
        pass
    tracks = track_aois(out / "probabilities", grids, load_track(tracker) if tracker else usage.track)
    write_footprints(out / "footprints", tracks, grids)
    write_submission(out / "submission.csv", tracks)
    buildings = len(tracks.drop_duplicates(["aoi", "id"]))
    console.print(f"{buildings} buildings, {len(tracks)} footprints in {len(frames)} frames: {out}")
