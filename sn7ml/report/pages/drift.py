"""What a comparison with the training frames gave, for people: a page, and Markdown."""

import math
from dataclasses import dataclass
from pathlib import Path

from sn7ml.core.runtime.files import write_text
from sn7ml.report.offline import render_without_plots
from sn7ml.validation.drift import FACTS, Drift, FactDrift

WIDTH = 420
"""Of a picture of one fact, CSS pixels."""

MARGIN = 12

CLASSES = {"trusted": "good", "with care": "warn", "not trusted": "bad"}


@dataclass(frozen=True)
class Dot:
    """One area on the scale of a fact."""

    x: float
    finding: FactDrift


@dataclass(frozen=True)
class Row:
    """One fact of all areas."""

    label: str
    unit: str
    low: float
    high: float
    left: float
    """Where the training range begins in the picture; ``dots`` lie on the same scale."""

    width: float
    dots: tuple[Dot, ...]
    outside: int
    """Areas that are not trusted, or with care, for this fact."""

    frames_outside: int
    frames: int
    distance: float | None
    """Kolmogorov-Smirnov; None where there are too few frames."""


def write_drift(folder: Path, drift: Drift) -> None:
    """Write drift.json, drift.md and drift.html."""
    write_text(folder / "drift.json", drift.model_dump_json(indent=1) + "\n")
    write_text(folder / "drift.md", drift_markdown(drift))
    write_text(folder / "drift.html", drift_html(drift))


def drift_html(drift: Drift) -> str:
    """Write the page: one file, nothing fetched."""
    return render_without_plots(
        "drift.html.j2", title=f"Drift: {drift.level}", drift=drift, rows=rows_of(drift), classes=CLASSES, width=WIDTH
    )


def drift_markdown(drift: Drift) -> str:
    """Write the same without pictures."""
    facts = []
    for row in rows_of(drift):
        values = [dot.finding.value for dot in row.dots]
        new = " to ".join(dict.fromkeys(f"{value:.4g}" for value in (min(values), max(values))))
        distance = "" if row.distance is None else f"{row.distance:.2f}"
        areas, frames = f"{row.outside} of {len(values)}", f"{row.frames_outside} of {row.frames}"
        cells = (row.label, row.unit, f"{row.low:.4g} to {row.high:.4g}", new, areas, frames, distance)
        facts.append(f"| {' | '.join(cells)} |")
    lines = [
        f"# Drift: {drift.level}",
        "",
        f"{drift.sentence[:1].upper()}{drift.sentence[1:]}.",
        "",
        "| fact | unit | training, 1 to 99 % | new, by area | areas outside | frames outside | KS distance |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *facts,
        "",
        "| AOI | verdict | why |",
        "| --- | --- | --- |",
        *(f"| {area.aoi} | {area.level} | {'; '.join(area.reasons)} |" for area in drift.areas),
    ]
    return "\n".join(lines) + "\n"


def rows_of(drift: Drift) -> list[Row]:
    """Sum the findings up by fact, in the order of ``FACTS``."""
    rows = []
    for fact in FACTS:
        found = [finding for finding in drift.findings if finding.fact == fact.name]
        if found:
            rows.append(_row(found, fact.ratio, drift.distributions.get(fact.name)))
    return rows


def _row(found: list[FactDrift], ratio: bool, distance: float | None) -> Row:
    first = found[0]

    def scaled(value: float) -> float:
        return math.log(max(value, 1e-6)) if ratio else value

    places = [scaled(value) for value in (first.low, first.high, *(it.value for it in found))]
    least, most = min(places), max(places)
    step = (WIDTH - 2 * MARGIN) / (most - least) if most > least else 0.0

    def x_of(value: float) -> float:
        return round(MARGIN + (scaled(value) - least) * step, 1)

    left = x_of(first.low)
    return Row(
        label=first.label,
        unit=first.unit,
        low=first.low,
        high=first.high,
        left=left,
        width=max(x_of(first.high) - left, 2.0),
        dots=tuple(Dot(x_of(it.value), it) for it in found),
        outside=sum(it.level != "trusted" for it in found),
        frames_outside=sum(it.frames_outside for it in found),
        frames=sum(it.frames for it in found),
        distance=distance,
    )
