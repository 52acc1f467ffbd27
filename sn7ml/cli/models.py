"""The registry: what is in it, who is champion, and how that changes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from sn7ml.cli.terminal import console, show

if TYPE_CHECKING:
    from sn7ml.params import Params
    from sn7ml.registry.evaluator import Exam

DATA, TILES, TUNED = Path("data"), Path("build/tiles"), Path("build/tuning/best.yaml")
"""Where the pipeline keeps what models are judged by, from the project's root folder."""

SHOWN_CHANGES = 5

PARAMS, USUAL_NAME = Path("params.yaml"), "sn7-buildings"

Name = Annotated[
    str | None,
    typer.Option("--name", help=f"Name in the registry; without it promote.model_name of ./{PARAMS}, or {USUAL_NAME}."),
]


def models(name: Name = None) -> None:
    """Show every version of the registered model with its aliases, last scores and verdict, and the latest changes."""
    from sn7ml.registry.aliases import changes  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.registry.describe import summary  # noqa: PLC0415
    from sn7ml.registry.versions import registered, versions  # noqa: PLC0415
    from sn7ml.runs.leaderboard import SHORT  # noqa: PLC0415
    from sn7ml.runs.store import open_store  # noqa: PLC0415

    name, store = name or name_here(), open_store()
    standing: dict[int, list[str]] = {}
    for alias, number in registered(store, name).aliases.items():
        standing.setdefault(int(number), []).append(alias)
    # 80 columns hold it whole: an alias a line, the time below the day.
    table = Table("v", "aliases", box=box.SIMPLE_HEAD, padding=0, title=name)
    for header in ("SCOT", "F1", "IoU", "verdict", "decided\n(UTC)", "data", "commit", "run"):
        table.add_column(header)
    for version in versions(store.client, name):
        aliases, cells = sorted(standing.get(int(version.version), [])), summary(version)
        cells |= {"verdict": cells["verdict"].replace(" ", "\n"), "decided": cells["decided"].replace("T", "\n")}
        cells |= {name: cells[name][:SHORT] for name in ("data", "commit", "run")}
        table.add_row(str(version.version), "\n".join(aliases), *cells.values())
    show(table)
    for change in changes(store, name)[:SHOWN_CHANGES]:
        if change.what == "rolled back":
            happened = f"rolled back from version {change.previous} to {change.champion}"
        else:
            happened = f"version {change.champion} promoted" + (f" over {change.previous}" if change.previous else "")
        told = f"{change.at[:19]}  {happened} by {change.by}: {change.reason}"
        console.print(escape(told), highlight=False, soft_wrap=True)


def promote(
    version: Annotated[str, typer.Argument(help="Number of a registered version, or an alias such as challenger.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if it does not become, or stay, the champion.")
    ] = False,
) -> None:
    """Judge a registered version on the project's held-out data of today; if it is better, it becomes champion.

    It and the champion are both scored, each by its own code, on data/ and build/tiles, unless nothing has changed since they
    last were. A version that was rolled back may come back this way only.
    """
    from sn7ml.params import load_params  # noqa: PLC0415
    from sn7ml.registry.promotion import Judge  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.registry.versions import find_version  # noqa: PLC0415
    from sn7ml.runs.store import open_store  # noqa: PLC0415

    params, store = load_params(), open_store()
    chosen = find_version(store, params.promote.model_name, version)
    judge = Judge(store, _exam(params), params.promote, console.print)
    verdict = judge.judge(chosen, reinstate=True)
    state = "[bold green]is the champion[/]" if verdict.promoted else "[bold]was not promoted[/]"
    console.print(f"{params.promote.model_name} version {verdict.version} {state}", highlight=False)
    for line in (*verdict.reasons, *verdict.notes):
        console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    if strict and not verdict.promoted:
        raise typer.Exit(1)


def rollback(
    reason: Annotated[str, typer.Option(help="Why; it is kept with the version that is withdrawn.")],
    name: Name = None,
) -> None:
    """Make the previous champion the champion again; the one withdrawn becomes `previous`, so doing it twice undoes it.

    The pipeline does not promote the withdrawn version again; `sn7ml promote` may.
    """
    from sn7ml.registry.aliases import rollback as roll_back  # noqa: PLC0415 - keeps `sn7ml --help` quick
    from sn7ml.runs.store import open_store  # noqa: PLC0415

    name = name or name_here()
    change = roll_back(open_store(), name, reason)
    console.print(f"{name} version {change.champion} is the champion again; version {change.previous} is withdrawn")


def name_here() -> str:
    """Return what the registered model is called, also outside of a project, where ``MLFLOW_TRACKING_URI`` names the store."""
    from sn7ml.params import load_params  # noqa: PLC0415 - keeps `sn7ml --help` quick

    return load_params(PARAMS).promote.model_name if PARAMS.is_file() else USUAL_NAME


def _exam(params: "Params") -> "Exam":
    from sn7ml.params import Usage, load_track  # noqa: PLC0415
    from sn7ml.registry.evaluator import Exam  # noqa: PLC0415
    from sn7ml.scenes.store import TileStore  # noqa: PLC0415

    track = load_track(TUNED) if TUNED.exists() else params.track
    usage = Usage(predict=params.predict, track=track)
    return Exam(DATA, TileStore(TILES), params.predict.splits, params.evaluate, usage)
