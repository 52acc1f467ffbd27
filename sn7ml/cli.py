"""``sn7ml …``, for people. DVC's stages do not use it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import track

from sn7ml.errors import ParamsError, Sn7Error

app = typer.Typer(
    help="Find every building in monthly satellite images and follow each through time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console()


def main() -> NoReturn:
    """Run the command line; an error of input is one sentence and exit code 1."""
    try:
        app()
    except Sn7Error as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, markup=True)
        raise SystemExit(1) from None
    raise SystemExit(0)


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(help="Folder to make; must not exist or be empty.")],
    aois: Annotated[int, typer.Option(help="Number of areas.")] = 6,
    months: Annotated[int, typer.Option(help="Months per area.")] = 12,
    size: Annotated[int, typer.Option(help="Side of an image, pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
) -> None:
    """Draw synthetic cubes in the exact SpaceNet 7 layout, with known truth."""
    from sn7ml.data.synthetic import make_synthetic  # noqa: PLC0415 - keeps `sn7ml --help` quick

    make_synthetic(out, aois=aois, months=months, size_px=size, seed=seed)
    console.print(f"{aois} AOIs × {months} months of {size} px in {out}")


@app.command()
def check(params: Annotated[Path, typer.Argument(help="Params file.")] = Path("params.yaml")) -> None:
    """Check params.yaml: every unknown key, missing key and bad value is named."""
    from sn7ml.params import load_params  # noqa: PLC0415 - keeps `sn7ml --help` quick

    load_params(params)
    console.print(f"{params} is fine")


@app.command()
def use(
    data: Annotated[Path, typer.Argument(help="A folder in the SpaceNet 7 layout (with train/), or one AOI folder.")],
    params: Annotated[
        Path | None, typer.Option(help="Params file that becomes params.yaml, e.g. configs/one-area.yaml.")
    ] = None,
) -> None:
    """Switch the project to other data (and params): `data/` and `data.dvc` are replaced; then `dvc repro`.

    Files are hard-linked where the file system allows, else copied. What was in data/ stays in DVC's cache: `git restore
    data.dvc params.yaml && dvc checkout` brings it back.
    """
    from sn7ml.data.catalog import scan  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.data.takeover import take_over  # noqa: PLC0415
    from sn7ml.params import load_params  # noqa: PLC0415

    if not Path("dvc.yaml").is_file():
        raise ParamsError("no dvc.yaml here; run this in the project's root folder")
    if params is not None:
        load_params(params)
    frames = take_over(data, Path("data"))
    dvc("add", "--quiet", "data")
    if params is not None:
        shutil.copyfile(params, "params.yaml")
    console.print(
        f"data/ now holds {len(frames)} frames of {scan(Path('data'))['aoi'].nunique()} AOI(s); next: dvc repro"
    )


@app.command()
def predict(
    data: Annotated[Path, typer.Argument(help="A folder in the SpaceNet 7 layout; labels are not needed.")],
    out: Annotated[
        Path, typer.Argument(help="Folder for footprints/<AOI>.parquet, submission.csv and probabilities/.")
    ],
    model: Annotated[
        str, typer.Option(help="A registry URI, or a folder such as build/model.")
    ] = "models:/sn7-buildings@champion",
    params: Annotated[Path, typer.Option(help="Where sections predict and track are read.")] = Path("params.yaml"),
) -> None:
    """Find the buildings of any SpaceNet 7-layout folder with a registered model, and follow them through time."""
    from sn7ml.data.catalog import scan  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.data.footprints import write_footprints, write_submission  # noqa: PLC0415
    from sn7ml.experiment.registry import package_folder  # noqa: PLC0415
    from sn7ml.experiment.scoring import grids_of, track_aois  # noqa: PLC0415
    from sn7ml.learn.predict import load_predictor, predict_frames  # noqa: PLC0415
    from sn7ml.params import load_params  # noqa: PLC0415

    chosen, frames = load_params(params), scan(data)
    aois = sorted(frames["aoi"].unique())
    grids = grids_of(data, frames, aois)
    predictor = load_predictor(package_folder(model), chosen.predict)
    columns = {aoi: [(0, grid.shape[1])] for aoi, grid in grids.items()}
    for _ in track(
        predict_frames(predictor, data, frames, columns, out / "probabilities"), "predicting", total=len(frames)
    ):
        pass
    tracks = track_aois(out / "probabilities", grids, chosen.track)
    write_footprints(out / "footprints", tracks, grids)
    write_submission(out / "submission.csv", tracks)
    buildings = len(tracks.drop_duplicates(["aoi", "id"]))
    console.print(f"{buildings} buildings, {len(tracks)} footprints in {len(frames)} frames: {out}")


def dvc(*arguments: str) -> None:
    """Run DVC of this environment; its own message stands, and its failure is ours."""
    if subprocess.run([sys.executable, "-m", "dvc", *arguments], check=False).returncode:
        raise Sn7Error(f"`dvc {' '.join(arguments)}` failed")


if __name__ == "__main__":
    main()
