"""What `sn7ml validate` and `predict` print: what failed, what was repaired, what drifted."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from sn7ml.cli.terminal import console, say, say_first

if TYPE_CHECKING:
    import pandas as pd

    from sn7ml.validation.drift import Drift
    from sn7ml.validation.report import Offender, Report
    from sn7ml.validation.suites import Suites

WORST = 3
"""Offenders that are named for each failure, and changes for each kind."""

SHOWN_AREAS = 20
"""Areas whose drift is explained."""

STYLES = {
    "critical": "bold red",
    "warning": "yellow",
    "not trusted": "bold red",
    "with care": "yellow",
    "trusted": "green",
}


def show_failures(found: "Report", wanted: "Suites") -> None:
    """Print what failed, the worst first, each with the worst offenders, why it matters and what to do."""
    failures = found.failures()
    rows = ", ".join(f"{count} {name}" for name, count in found.rows.items())
    if not failures:
        console.print(f"[green]all {len(found.results)} expectations hold[/] ({rows})")
        return
    table = Table("", "not true that", "table", "offenders")
    for result in failures:
        style = STYLES[result.severity]
        table.add_row(f"[{style}]{result.severity}[/]", escape(result.name), result.suite, str(len(result.offenders)))
    console.print(table)
    expectations = {(suite, check.name): check.expectation for suite, checks in wanted.items() for check in checks}
    for result in failures:
        console.print(f"[{STYLES[result.severity]}]{result.severity}[/]: not true that {escape(result.name)}")
        far_out = partial(excess, expectations[result.suite, result.name])
        say_first(sorted(result.offenders, key=far_out, reverse=True), WORST)
        console.print(f"  {escape(result.why)} [italic]{escape(result.cure)}[/]", highlight=False)
    critical = sum(result.severity == "critical" for result in failures)
    console.print(f"{critical} critical, {len(failures) - critical} warning(s) in {rows}")
    say(found.summary())


def excess(expectation: object, offender: "Offender") -> float:
    """Return how far a value is outside of the limits of an expectation; 0 for what is no number, or has no limits."""
    low, high = (getattr(expectation, limit, None) for limit in ("min_value", "max_value"))
    if isinstance(offender.value, bool) or not isinstance(offender.value, int | float):
        return 0.0
    return max(0.0 if low is None else low - offender.value, 0.0 if high is None else offender.value - high)


def show_changes(changes: "pd.DataFrame", out: Path) -> None:
    """Print what was repaired and what was left: how often, by kind, and the first of each."""
    from sn7ml.scenes.repair.data import CHANGES

    for outcome, words in (("mended", "mended"), ("left", "left as it is, for you to decide")):
        rows = changes[changes["outcome"] == outcome]
        console.print(f"{len(rows)} {words}{':' if len(rows) else ''}")
        for what, alike in rows.groupby("what", sort=False):
            console.print(f"  {escape(str(what))}: {len(alike)} in {alike['file'].nunique()} file(s)", highlight=False)
            named = alike["file"] + alike["id"].map(lambda name: f" Id {name}" if name else "")
            say_first(named + ": " + alike["before"] + " → " + alike["after"], WORST, indent="    ")
    say(f"every change: {out / CHANGES}; the copy is checked now")


def show_drift(drift: "Drift") -> None:
    """Print the verdict and, for each area that is not simply to be trusted, why."""
    console.print(f"[{STYLES[drift.level]}]{drift.level}[/]: {escape(drift.sentence)}", soft_wrap=True, highlight=False)
    doubtful = [area for area in drift.areas if area.level != "trusted"]
    for area in doubtful[:SHOWN_AREAS]:
        console.print(f"  [{STYLES[area.level]}]{area.level}[/] {escape(area.aoi)}")
        for reason in area.reasons:
            say(f"    {reason}")
    if len(doubtful) > SHOWN_AREAS:
        console.print(f"  … and {len(doubtful) - SHOWN_AREAS} more areas")
