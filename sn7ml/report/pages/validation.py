"""What validation found: a page for people, Markdown for pull requests, JSON for programs. No Great Expectations."""

import json
from pathlib import Path

from sn7ml.core.errors import ValidationFailed
from sn7ml.core.runtime.files import write_text
from sn7ml.core.schemas import UNDATED
from sn7ml.report.maps.flagged import Pictures
from sn7ml.report.offline import data_uri, render
from sn7ml.validation.report import SHOWN, Report

AREAS = 60
"""AOIs that the page names; the rest are counted."""


def write_validation(out: Path, report: Report, pictures: Pictures) -> None:
    """Write the report in all its forms into the folder ``out``. The same report gives the same bytes.

    ``verdict.json`` says only whether later stages may run: they depend on it, so a new warning re-runs none of them.
    """
    write_text(out / "validation.json", json.dumps(report.as_dict(), indent=2) + "\n")
    write_text(out / "validation.md", to_markdown(report))
    write_text(out / "validation.html", to_html(report, pictures))
    write_text(out / "verdict.json", json.dumps({"ok": report.ok}) + "\n")


def stop_if_failed(out: Path, report: Report) -> None:
    """Raise ValidationFailed if something critical was found, naming the three worst failures and the report."""
    if not report.ok:
        raise ValidationFailed("validation.failed", f"{report.summary()}\nThe whole report: {out / 'validation.html'}")


def to_markdown(report: Report) -> str:
    """Return a report for people: passed or failed, all expectations, then each failure with its offenders."""
    return render("validation.md.j2", report=report, worst=report.aois()[:SHOWN], shown=SHOWN, cell=markdown_cell)


def markdown_cell(value: object) -> str:
    """Return text that cannot break a Markdown table or add markup: errors quote what files hold."""
    text = str(value)
    for mark in ("\\", "|", "<", "`", "[", "*"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def to_html(report: Report, pictures: Pictures) -> str:
    """Return the page: the verdict, the worst AOIs, every failure with offenders and pictures, all else."""
    areas, failures = report.aois(), report.failures()
    suites = dict.fromkeys(result.suite for result in report.results)
    return render(
        "validation.html.j2",
        title=f"{report.subject.capitalize()}: {'passed' if report.ok else 'failed'}",
        ok=report.ok,
        numbers={result.name: number for number, result in enumerate(failures, start=1)},
        n_aois=report.n_aois,
        n_sound=max(0, report.n_aois - len(areas)),
        areas=areas[:AREAS],
        n_more_areas=max(0, len(areas) - AREAS),
        months=sorted({month for area in areas[:AREAS] for month in area.months} - {"", UNDATED}),
        failures=failures,
        offenders_shown=SHOWN,
        pictures={key: [(caption, data_uri(png)) for caption, png in shown] for key, shown in pictures.items()},
        measured=report.measured,
        suites={suite: [it for it in report.results if it.suite == suite] for suite in suites},
    )
