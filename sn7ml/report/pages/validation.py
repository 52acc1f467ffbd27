"""What validation found, as files: a page for people, Markdown for pull requests, JSON for programs. No Great Expectations."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sn7ml.core.errors import ValidationFailed
from sn7ml.core.runtime.files import write_text
from sn7ml.report.maps.flagged import Pictures
from sn7ml.report.offline import data_uri, render_without_plots
from sn7ml.validation.report import SHOWN, AoiFailures, Measured, Report, Result, Span, to_markdown

HTML, MARKDOWN, JSON, VERDICT = "validation.html", "validation.md", "validation.json", "verdict.json"

AREAS = 60
"""AOIs that the page names; the rest are counted."""


def write_validation(out: Path, report: Report, pictures: Pictures) -> None:
    """Write the report in all its forms into the folder ``out``. The same report gives the same bytes.

    ``verdict.json`` says only whether later stages may run: they depend on it, so that a new warning re-runs none of them.
    """
    write_text(out / JSON, json.dumps(report.as_dict(), indent=2) + "\n")
    write_text(out / MARKDOWN, to_markdown(report))
    write_text(out / HTML, to_html(report, pictures))
    write_text(out / VERDICT, json.dumps({"ok": report.ok}) + "\n")


def stop_if_failed(out: Path, report: Report) -> None:
    """Raise ValidationFailed if something critical was found, naming the three worst failures and the report."""
    if not report.ok:
        raise ValidationFailed("validation.failed", f"{report.summary()}\nThe whole report: {out / HTML}")


def to_html(report: Report, pictures: Pictures) -> str:
    """Return the page: the verdict, the worst AOIs and their months, every failure with offenders and pictures, all else."""
    areas, failures = report.aois(), report.failures()
    months = sorted({month for area in areas[:AREAS] for month in area.months} - {""})
    return render_without_plots(
        "validation.html.j2",
        title=f"{report.subject.capitalize()}: {'passed' if report.ok else 'failed'}",
        ok=report.ok,
        counts=_counts(*(sum(it.severity == severity for it in failures) for severity in ("critical", "warning"))),
        numbers={result.name: number for number, result in enumerate(failures, start=1)},
        n_aois=report.n_aois,
        n_sound=max(0, report.n_aois - len(areas)),
        areas=[_area(area, months) for area in areas[:AREAS]],
        n_more_areas=max(0, len(areas) - AREAS),
        months=months,
        failures=[_failure(number, result, pictures) for number, result in enumerate(failures, start=1)],
        measured={suite: _in_words(found) for suite, found in report.measured.items()},
        suites=_by_suite(report.results),
    )


def _area(area: AoiFailures, months: Sequence[str]) -> dict[str, Any]:
    return {
        "aoi": area.aoi,
        "critical": len(area.critical),
        "warnings": len(area.warnings),
        "counts": _counts(len(area.critical), len(area.warnings)),
        "most": (*area.critical, *area.warnings)[:3],
        "whole": area.months.get("", ""),
        "cells": [(month, area.months.get(month, "")) for month in months],
    }


def _counts(critical: int, warnings: int) -> str:
    return f"{critical} critical, {warnings} warning{'' if warnings == 1 else 's'}"


def _failure(number: int, result: Result, pictures: Pictures) -> dict[str, Any]:
    return {
        "number": number,
        "result": result,
        "offenders": result.offenders[:SHOWN],
        "more": max(0, len(result.offenders) - SHOWN),
        "pictures": [(it.caption, data_uri(it.png)) for it in pictures.get((result.suite, result.name), [])],
    }


def _in_words(found: Measured) -> dict[str, Any]:
    """Return for each fact of each AOI the most and what to write, None for what is not known."""
    areas = {aoi: [span and (span[1], _said(span)) for span in spans] for aoi, spans in found.aois.items()}
    return {"headings": list(found.words.values()), "areas": areas}


def _said(span: Span) -> str:
    """Write least and most, or the one number that both are."""
    least, most = (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" for value in span)
    return least if least == most else f"{least} … {most}"


def _by_suite(results: Sequence[Result]) -> dict[str, list[Result]]:
    return {suite: [it for it in results if it.suite == suite] for suite in dict.fromkeys(it.suite for it in results)}
