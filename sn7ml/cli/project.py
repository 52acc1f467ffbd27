"""The project at hand: its data, its params, its MLflow store."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, assert_never

import typer

from sn7ml.cli.terminal import console, say
from sn7ml.core.errors import CatalogError, ParamsError, Sn7Error
from sn7ml.search import STUDY_URL, WORKERS

if TYPE_CHECKING:
    from sn7ml.params import Params
    from sn7ml.tasks import Task

DrawnLayout: TypeAlias = Literal["spacenet7", "spacenet2", "xyz", "colour"]
DemoName: TypeAlias = Literal["buildings", "building_distance", "land_use"]
DEMOS: dict[DemoName, Path] = {
    "buildings": Path("configs/buildings-demo.yaml"),
    "building_distance": Path("configs/building-distance-demo.yaml"),
    "land_use": Path("configs/land-use-demo.yaml"),
}
"""Task to the params of its demo."""

DATA, DATA_FILE, PARAMS = Path("data"), Path("data.dvc"), Path("params.yaml")

PARAMS_HEAD = """# Params

Made by `sn7ml params --markdown > docs/params.md` from `sn7ml/params/` and `params.yaml`; a test holds it to them. Each
param is shown with its value in `params.yaml`."""


def synth(
    out: Annotated[Path, typer.Argument(help="Folder to make; must not exist or be empty.")],
    layout: Annotated[DrawnLayout, typer.Option(help="How the folder is laid out.")] = "spacenet7",
    aois: Annotated[
        int | None,
        typer.Option(
            help="Number of areas, of labelled scenes, of places, or of folders.", show_default="6, 7, 2 or 4"
        ),
    ] = None,
    months: Annotated[int | None, typer.Option(help="spacenet7: months per area.", show_default="12")] = None,
    size: Annotated[
        int | None,
        typer.Option(help="spacenet7, spacenet2, colour: side of an image, pixels.", show_default="256 or 512"),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
) -> None:
    """Draw synthetic data with known truth: SpaceNet 7, SpaceNet 2, map tiles (xyz), or label images (colour)."""
    from sn7ml.synthetic import make_colour, make_map_tiles, make_scenes, make_synthetic

    idle: dict[str, int | None] = {} if layout == "spacenet7" else {"--months": months}
    idle |= {"--size": size} if layout == "xyz" else {}
    if given := [name for name, value in idle.items() if value is not None]:
        raise ParamsError(
            "options.synth-layout", f"{', '.join(given)}: layout {layout} has no such thing; leave it out"
        )
    match layout:
        case "spacenet7":
            count, side = _or(aois, 6), _or(size, 256)
            make_synthetic(out, aois=count, months=_or(months, 12), size_px=side, seed=seed)
            what = f"{count} AOIs × {_or(months, 12)} months of {side} px"
        case "spacenet2":
            count, side = _or(aois, 7), _or(size, 512)
            make_scenes(out, scenes=count, size_px=side, seed=seed)
            what = f"{count} labelled scenes and one without labels, of {side} px"
        case "xyz":
            count = _or(aois, 2)
            make_map_tiles(out, places=count, seed=seed)
            what = f"map tiles of {count} place(s)"
        case "colour":
            count, side = _or(aois, 4), _or(size, 512)
            make_colour(out, folders=count, size_px=side, seed=seed)
            what = f"{count} folders of images and label images of {side} px"
        case _ as unknown:
            assert_never(unknown)
    console.print(f"{what} in {out}")


def _or(given: int | None, usual: int) -> int:
    return usual if given is None else given


def data() -> None:
    """Draw data/ by the recipe in data.dvc if data/ is absent; a note says if it is not what was committed."""
    from sn7ml.synthetic import make_synthetic

    if DATA.exists():
        return
    recipe, committed = read_data_file()
    if recipe is None:
        raise CatalogError(
            "project.no-data",
            "data/ is absent and data.dvc names no synthetic set; fetch it with `dvc pull`, or use `sn7ml use DATA`",
        )
    make_synthetic(DATA, **recipe)
    dvc("add", "--quiet", "data")
    if read_data_file()[1] != committed:
        console.print("note: not the same bytes as those committed (floating point of this machine); going on")


def params_here() -> "Params | None":
    """Return the params of the project; None outside of one, where ``MLFLOW_TRACKING_URI`` may still name a store."""
    from sn7ml.params import load_params

    return load_params(PARAMS) if PARAMS.is_file() else None


def task_here() -> "Task":
    """Return the project's task; outside of a project, that of SpaceNet 7."""
    from sn7ml.tasks import task_named

    params = params_here()
    return task_named(params.task if params else "buildings_through_time")


def read_data_file() -> tuple[dict[str, int] | None, str]:
    """Return from data.dvc the options of the synthetic set (None for other data) and the hash of the data."""
    from sn7ml.core.safe_files import read_yaml

    try:
        content = read_yaml(DATA_FILE)
        recipe, digest = content.get("meta", {}).get("synthetic"), str(content["outs"][0]["md5"])
    except FileNotFoundError:
        raise CatalogError("project.not-here", "no data.dvc here; run this in the project's root folder") from None
    except (OSError, ValueError, AttributeError, KeyError, IndexError, TypeError) as error:
        raise CatalogError(
            "project.data-damaged", f"data.dvc: is damaged ({error!r:.200}); `git restore data.dvc` brings it back"
        ) from None
    known = dict.fromkeys(("aois", "months", "seed", "size_px"), int)
    types = {name: type(value) for name, value in recipe.items()} if isinstance(recipe, dict) else {}
    if recipe is not None and types != known:
        why = f"data.dvc: meta.synthetic must hold whole numbers under {list(known)}, got {recipe!r:.200}"
        raise CatalogError("project.data-recipe", why)
    return recipe, digest


def check(params: Annotated[Path, typer.Argument(help="Params file.")] = PARAMS) -> None:
    """Check params.yaml and name every unknown key, missing key and bad value (networks are checked when built)."""
    from sn7ml.params import load_params
    from sn7ml.tasks import notes_on, task_of

    read = load_params(params)
    for note in notes_on(read, task_of(read)):
        say(f"note: {note}")
    console.print(f"{params} is fine")


def show_params(
    params: Annotated[Path, typer.Argument(help="Params file.")] = PARAMS,
    markdown: Annotated[bool, typer.Option("--markdown", help="As docs/params.md has it.")] = False,
) -> None:
    """Show every param with its value and meaning."""
    from rich.table import Table

    from sn7ml.params import describe, load_params

    rows = describe(load_params(params))
    if markdown:
        typer.echo(params_page(rows))
        return
    table = Table("param", "value", "meaning")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def params_page(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return docs/params.md: a heading for each section of ``params.yaml``, and an item for each param."""
    lines = [PARAMS_HEAD]
    for section, items in groupby(rows, lambda row: row[0].partition(".")[0]):
        lines += ["", f"## {section}", ""]
        for key, value, meaning in items:
            text = f"* **`{key}`** = `{value}`. {meaning.replace('``', '`')}"
            lines += wrap(text, 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def use(
    data: Annotated[
        Path | None, typer.Argument(help="A folder in the layout of the params, such as train/ of SpaceNet 7.")
    ] = None,
    params: Annotated[Path | None, typer.Option(help="Becomes params.yaml, for example configs/one-area.yaml.")] = None,
    demo: Annotated[
        DemoName | None, typer.Option(help="Draw synthetic data for a task, and take params for minutes on two cores.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Go on although the present state is not committed.")] = False,
) -> None:
    """Switch the project to other data (and params): `data/` and `data.dvc` are replaced; then `dvc repro`.

    Files are hard-linked where the file system allows, else copied. What was in data/ stays in DVC's cache:
    `git restore data.dvc dvc.lock params.yaml && dvc checkout` brings it back, if those files were committed.
    """
    from sn7ml.params import load_params
    from sn7ml.scenes.layouts import layout_of
    from sn7ml.scenes.layouts.spacenet7 import SPACENET7
    from sn7ml.scenes.take_over import take_over

    require_project()
    if (data is None) == (demo is None) or (demo and params):
        raise ParamsError("options.use-what", "give either a folder of DATA (and --params), or --demo TASK")
    params = DEMOS[demo] if demo else params
    given = load_params(params) if params else params_here()
    layout = layout_of(given.data) if given else SPACENET7
    if not force:
        refuse_uncommitted("data.dvc", "dvc.lock", "params.yaml")
    if demo:
        draw_demo(demo)
    frames = layout.sources(DATA) if data is None else take_over(data, DATA, layout)
    DATA_FILE.unlink(missing_ok=True)  # it may say how its data was made
    dvc("add", "--quiet", "data")
    if params is not None:
        shutil.copyfile(params, PARAMS)
    console.print(f"data/ now holds {len(frames)} frames of {frames['aoi'].nunique()} AOI(s); next: dvc repro")


def draw_demo(demo: "DemoName") -> None:
    """Replace data/, once all is drawn, by synthetic data for a task."""
    from sn7ml.core.runtime.files import replacing
    from sn7ml.synthetic import make_colour, make_map_tiles, make_scenes

    with replacing(DATA.absolute()) as fresh:
        match demo:
            case "buildings":
                make_scenes(fresh, scenes=7, size_px=512, seed=7)
            case "building_distance":
                make_map_tiles(fresh, places=2, seed=7)
            case "land_use":
                make_colour(fresh, folders=4, size_px=512, seed=7)
            case _ as unknown:
                assert_never(unknown)


def search(
    workers: Annotated[int, typer.Option(min=1, help="Processes of this machine that search side by side.")] = 1,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Database that holds the study, for several machines: postgresql+psycopg2://user@host/name. "
            "A password is better kept in the variable SN7ML_STUDY_URL, which says the same.",
            show_default="a file in build/.search",
        ),
    ] = None,
) -> None:
    """Run `dvc repro search` with several workers; started again after Ctrl-C or a crash, it goes on where it was.

    The same command on another machine, with the same commit, data and --storage, joins in. See docs/search.md.
    """
    require_project()
    os.environ[WORKERS] = str(workers)
    if storage is not None:
        os.environ[STUDY_URL] = storage
    # Ctrl-C reaches the stage too, which stops its workers and says so in MLflow; it is waited for.
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: None)
    try:
        dvc("repro", "search")
    finally:
        signal.signal(signal.SIGINT, before)


def ui(port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000) -> None:
    """Open MLflow on the leaderboard of final models, without a server to set up."""
    from sn7ml.runs.store import FINAL, open_store

    store = open_store()
    order = f"orderByKey=metrics.%60test_{task_here().scores[0].name}%60&orderByAsc=false"
    say(f"leaderboard   http://127.0.0.1:{port}/#/experiments/{store.experiments[FINAL]}/runs?{order}")
    say(f"the champion  http://127.0.0.1:{port}/#/models")
    arguments = ["--backend-store-uri", store.uri, "--port", str(port), "--workers", "1"]
    # Without the job runner it starts in a third of the time and takes half the memory.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "mlflow", "ui", *arguments]
    os.execve(command[0], command, os.environ | quiet)  # its signals and exit code are then MLflow's own


def relocate_store() -> None:
    """Update mlruns/ after the project's folder was moved or copied: MLflow keeps absolute paths."""
    from sn7ml.runs.store import project_root, relocate

    console.print(f"{relocate(project_root())} paths rewritten")


def refuse_uncommitted(*files: str) -> None:
    """Raise ParamsError if git tracks changes of these files that are not committed; without git, do nothing."""
    status = ["git", "status", "--porcelain", "--", *files]
    changed = subprocess.run(status, check=False, capture_output=True, text=True).stdout.split("\n")[:-1]
    if changed:
        names = " ".join(line[3:] for line in changed)
        raise ParamsError(
            "project.uncommitted-params",
            f"{names}: changed and not committed, so there would be no way back; "
            f"first `git commit -m 'before' {names}`, or give --force",
        )


def require_project() -> None:
    """Raise ParamsError where there is no pipeline."""
    if not Path("dvc.yaml").is_file():
        raise ParamsError("project.not-here", "no dvc.yaml here; run this in the project's root folder")


def dvc(*arguments: str) -> None:
    """Run DVC of this environment, which prints its own messages. Raises Sn7Error if it fails."""
    if subprocess.run([sys.executable, "-m", "dvc", *arguments], check=False).returncode:
        raise Sn7Error("project.dvc-failed", f"`dvc {' '.join(arguments)}` failed")
