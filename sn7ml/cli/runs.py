"""Runs of the project's store: the leaderboard, and one beside another."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from sn7ml.cli.project import task_here
from sn7ml.cli.terminal import console, say, show
from sn7ml.core.errors import ParamsError, StoreError
from sn7ml.metrics.score_text import decimal

if TYPE_CHECKING:
    from sn7ml.metrics.score import Score
    from sn7ml.report.comparison import ComparedRun
    from sn7ml.runs.leaderboard import RunRecord
    from sn7ml.runs.store import Store

STATES = {"complete": "green", "running": "cyan", "pruned": "dim"}
"""Colours of states; any other is a failure."""

COLOURS = {"good": "green", "warn": "yellow", "bad": "red"}

SPLITS = {"test": "test", "val": "validation"}

LABELS = "ABCDE"
"""More runs than these do not fit beside each other."""


def runs(
    sort: Annotated[
        str | None, typer.Option(help="Score (f1) or metric (train_seconds) to rank by; default: the first score.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 20,
    search: Annotated[bool, typer.Option("--search", help="Trials, by validation scores, not final models.")] = False,
    filter_string: Annotated[
        str,
        typer.Option(
            "--filter", help="In MLflow's syntax: \"params.`model.encoder` = 'tu-resnet18' and metrics.test_f1 > 0.5\""
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only, with every metric, param and tag.")] = False,
) -> None:
    """Show the leaderboard, the best run first: scores, data, commit, and version in the registry."""
    from sn7ml.runs.leaderboard import differences, ranked, read_runs
    from sn7ml.runs.store import FINAL, SEARCH, open_store

    experiment, scores = SEARCH if search else FINAL, task_here().scores
    sort = sort or scores[0].name
    found = read_runs(open_store(), experiment, filter_string)
    chosen = ranked(found, sort, scores)[:limit]
    notes = [f"Not all scores compare, {text}" for text in differences(chosen, scores[0].name)]
    if as_json:
        records = [_as_json(record) for record in chosen]
        typer.echo(json.dumps({"experiment": experiment, "sort": sort, "notes": notes, "runs": records}, indent=2))
        return
    if not chosen:
        why = f"passes the filter {filter_string}" if filter_string else "yet; `make repro` (or `dvc repro`) makes some"
        say(f"no {'trial' if search else 'final run'} {why}")
        return
    show(_table(chosen, sort, scores))
    for note in notes:
        console.print(f"[bold yellow]note:[/] {escape(note)}", soft_wrap=True, highlight=False)
    if len(found) > len(chosen):
        console.print(f"{len(found) - len(chosen)} more: --limit {len(found)}")


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Two runs or more: the beginning of an id, best, champion, challenger, previous, or "
            "models:/sn7-buildings/3. The others are compared with the first.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("compare.html"),
) -> None:
    """Compare runs on an HTML page that works offline: which is better, where and why. Prints a summary."""
    from sn7ml.core.runtime.files import write_text
    from sn7ml.report.pages.comparison import Comparison, render_comparison, verdicts
    from sn7ml.runs.leaderboard import differences
    from sn7ml.runs.store import open_store

    if not 2 <= len(names) <= len(LABELS):
        raise ParamsError(
            "options.run-count",
            f"{len(names)} run(s) given; expected 2 to {len(LABELS)}, such as `sn7ml compare best champion`",
        )
    if out.is_dir():
        raise ParamsError("output.is-folder", f"--out {out} is a folder; expected a file such as compare.html")
    store, task = open_store(), task_here()
    with console.status("reading runs"):
        records = _records(store, names, task.scores[0])
        compared = [_compared(store, record, label) for record, label in zip(records, LABELS, strict=False)]
    unlike, split = differences(records, task.scores[0].name), SPLITS[records[0].split]
    comparison = Comparison(compared, task.scores, unlike, split, task.title)
    with console.status("drawing"):
        write_text(out, render_comparison(comparison))
    for run in compared:
        say(f"{run.label}  {run.run_id[:7]}  {run.name}")
    for verdict in verdicts(comparison):
        say(verdict.headline, f"bold {COLOURS[verdict.level]}")
        for reason in verdict.reasons:
            say(f"  · {reason}")
    say(f"the page: {out}")


def _records(store: "Store", names: Sequence[str], objective: "Score") -> list["RunRecord"]:
    """Find the runs that are meant.

    Raises StoreError for the faults of all names: one means no run or several, two mean the same run, a run has no
    scores, or runs are of different kinds.
    """
    from sn7ml.registry.resolve import find_run_meant

    records: list[RunRecord] = []
    faults: list[StoreError] = []
    for name in names:
        try:
            record = find_run_meant(store, name, objective)
        except StoreError as fault:
            faults.append(fault)
            continue
        records.append(record)
        if math.isnan(record.score(objective.name)):
            unscored = (
                f"{name}: run {record.short_id} ({record.name}, {record.state}) has no {record.split}_{objective.name} "
                "to compare; `sn7ml runs` shows which have scores"
            )
            faults.append(StoreError("runs.no-score", unscored))
    for run_id, times in sorted(Counter(record.run_id for record in records).items()):
        if times > 1:
            faults.append(StoreError("runs.given-twice", f"run {run_id[:7]} is given {times} times"))
    kinds = {record.experiment: record for record in reversed(records)}  # the first of each kind
    if len(kinds) > 1:
        told = " and ".join(f"{record.short_id} is of {name}" for name, record in sorted(kinds.items()))
        why = "final runs are scored on the test split and trials on the validation split, so they cannot be compared"
        faults.append(StoreError("runs.other-kind", f"{told}: {why}"))
    if faults:
        raise StoreError("runs.not-comparable", "\n".join(str(fault) for fault in faults), faults)
    return records


def _compared(store: "Store", record: "RunRecord", label: str) -> "ComparedRun":
    from sn7ml.report.comparison import ComparedRun
    from sn7ml.runs.artifacts import RunFiles

    files = RunFiles(store, record)
    months = files.table("overlays")
    return ComparedRun(
        label=label,
        run_id=record.run_id,
        name=record.name,
        origin=_origin(record),
        params={**record.params, **{key: str(value) for key, value in files.output_params().items()}},
        scores=record.scores(),
        per_aoi=files.table("per_aoi"),
        losses=files.table("losses"),
        births=files.table("births"),
        sizes=files.table("sizes"),
        history=files.curves(),
        overlays=files.overlays(),
        months={(row["aoi"], row["step"]): row["time"] for row in months.to_dict("records")},
    )


def _origin(record: "RunRecord") -> dict[str, str]:
    """Return where a run comes from, under names for people; what is not known is left out."""
    tags = record.tags
    known = {
        "state": record.state,
        "started": f"{record.started:%Y-%m-%d %H:%M} UTC",  # the same page in every time zone
        "registry": _registry(record),
        "data": record.data,
        "scored on": record.scored,
        "commit": tags.get("git.commit", "") + (" (files changed since)" if tags.get("git.dirty") == "true" else ""),
        "DVC experiment": tags.get("dvc.exp_name", ""),
        "best epoch": tags.get("sn7.best_epoch", ""),
        "recipe of trial": tags.get("sn7.trial_run_id", ""),
        "resumes killed run": tags.get("sn7.resumes", ""),
        "restored from files": tags.get("sn7.restored", ""),
        "torch": tags.get("version.torch", ""),
    }
    return {key: value for key, value in known.items() if value}


def _table(records: Sequence["RunRecord"], sort: str, scores: Sequence["Score"]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    names = [score.name for score in scores]
    extra = [sort] if sort not in names and sort.partition("_")[2] not in names else []
    numbers = ["#", *(score.label for score in scores), *extra]
    for name in ("#", "run", "name", *numbers[1:], "data", "scored on", "commit", "state", "registry", "started"):
        table.add_column(name, justify="right" if name in numbers else "left", no_wrap=name != "name")
    for place, record in enumerate(records, start=1):
        values = [decimal(record.score(name)) for name in names]
        values += [decimal(record.metrics.get(name, record.score(name))) for name in extra]
        state = f"[{STATES.get(record.state, 'red')}]{escape(record.state)}[/]"
        started = f"{record.started.astimezone():%Y-%m-%d %H:%M}"
        rest = [record.data[:7], record.scored[:7] or "–", record.commit, state, _registry(record), started]
        table.add_row(str(place), record.short_id, escape(record.name), *values, *rest)
    return table


def _as_json(record: "RunRecord") -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "name": record.name,
        "started": record.started.isoformat(),
        "state": record.state,
        "metrics": {name: None if math.isnan(value) else value for name, value in sorted(record.metrics.items())},
        "params": dict(sorted(record.params.items())),
        "tags": dict(sorted(record.tags.items())),
        "data_md5": record.data,
        "scored": record.scored,
        "git_commit": record.tags.get("git.commit", "unknown"),
        "git_dirty": record.tags.get("git.dirty", "unknown"),
        "versions": [
            {"name": version.name, "version": version.number, "aliases": list(version.aliases)}
            for version in record.versions
        ],
    }


def _registry(record: "RunRecord") -> str:
    return ", ".join(str(version) for version in record.versions)
