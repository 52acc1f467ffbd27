"""The registry: what is in it, who is champion, and how that changes."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from sn7ml.cli.project import PARAMS, params_here, task_here
from sn7ml.cli.terminal import console, say, show

DATA, SCENES, TILES, TUNED = (Path(it) for it in ("data", "build/scenes", "build/tiles", "build/tuning/best.yaml"))
"""Where the pipeline keeps what models are judged by, from the project's root folder."""

SHOWN_CHANGES = 5

USUAL_NAME = "sn7-buildings"

Name = Annotated[
    str | None,
    typer.Option("--name", help=f"Name in the registry; without it promote.model_name of ./{PARAMS}, or {USUAL_NAME}."),
]


def models(name: Name = None) -> None:
    """Show every version of the registered model with aliases, last scores and decision, and the latest changes."""
    from sn7ml.registry.aliases import changes
    from sn7ml.registry.describe import summary
    from sn7ml.registry.versions import registered, versions
    from sn7ml.runs.leaderboard import SHORT
    from sn7ml.runs.store import open_store

    name, store = name or name_here(), open_store()
    standing: dict[int, list[str]] = {}
    for alias, number in registered(store, name).aliases.items():
        standing.setdefault(int(number), []).append(alias)
    # 80 columns hold it whole: an alias a line, the time below the day.
    table = Table("v", "aliases", box=box.SIMPLE_HEAD, padding=0, title=name)
    scores = [score for score in task_here().scores if score.headline]
    for header in (*(score.label for score in scores), "decision", "decided\n(UTC)", "data", "commit", "run"):
        table.add_column(header)
    for version in versions(store.client, name):
        aliases, cells = sorted(standing.get(int(version.version), [])), summary(version, scores)
        cells |= {"decision": cells["decision"].replace(" ", "\n"), "decided": cells["decided"].replace("T", "\n")}
        cells |= {name: cells[name][:SHORT] for name in ("data", "commit", "run")}
        table.add_row(str(version.version), "\n".join(aliases), *cells.values())
    show(table)
    for change in changes(store, name)[:SHOWN_CHANGES]:
        if change.what == "rolled back":
            happened = f"rolled back from version {change.previous} to {change.champion}"
        else:
            happened = f"version {change.champion} promoted" + (f" over {change.previous}" if change.previous else "")
        say(f"{change.at[:19]}  {happened} by {change.by}: {change.reason}")


def promote(
    version: Annotated[str, typer.Argument(help="Number of a registered version, or an alias such as challenger.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 unless it becomes or stays champion.")] = False,
) -> None:
    """Score a registered version on the project's held-out data of today; if it is better, it becomes champion.

    Both it and the champion are scored, each by its own code, on data/ and build/tiles, unless nothing has changed
    since the last time. Only this command brings back a version that was rolled back.
    """
    from sn7ml.params import load_output, load_params
    from sn7ml.registry.evaluator import evaluator_of
    from sn7ml.registry.promotion import Promoter
    from sn7ml.registry.versions import find_version
    from sn7ml.runs.store import open_store
    from sn7ml.tasks import task_of

    params, store = load_params(), open_store()
    chosen = find_version(store, params.promote.model_name, version)
    output = load_output(TUNED) if TUNED.exists() else params.output
    evaluator = evaluator_of(DATA, SCENES, TILES, params, output)
    promoter = Promoter(store, evaluator, task_of(params), params.promote, console.print)
    decision = promoter.decide(chosen, reinstate=True)
    state = "[bold green]is the champion[/]" if decision.promoted else "[bold]was not promoted[/]"
    console.print(f"{params.promote.model_name} version {decision.version} {state}", highlight=False)
    for line in (*decision.reasons, *decision.notes):
        say(f"  {line}")
    if strict and not decision.promoted:
        raise typer.Exit(1)


def rollback(
    reason: Annotated[str, typer.Option(help="Why; it is kept with the version that is withdrawn.")],
    name: Name = None,
) -> None:
    """Make the previous champion the champion again and the withdrawn one `previous`; doing it twice undoes it.

    The pipeline does not promote the withdrawn version again; `sn7ml promote` may.
    """
    from sn7ml.registry.aliases import rollback as roll_back
    from sn7ml.runs.store import open_store

    name = name or name_here()
    change = roll_back(open_store(), name, reason)
    console.print(f"{name} version {change.champion} is the champion again; version {change.previous} is withdrawn")


def name_here() -> str:
    """Return the name of the registered model."""
    params = params_here()
    return params.promote.model_name if params else USUAL_NAME
