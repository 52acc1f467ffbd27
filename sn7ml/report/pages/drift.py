"""What a comparison with the training frames gave: JSON, a page, and Markdown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sn7ml.core.runtime.files import write_text
from sn7ml.report.offline import render
from sn7ml.validation.drift import FACTS, Drift, FactDrift

WIDTH, MARGIN = 420, 12
"""Of a picture of one fact, CSS pixels."""


@dataclass(frozen=True)
class Row:
    """One fact of all areas."""

    fact: FactDrift
    """Of any area, for its name, unit and training range."""

    left: float
    """Where the training range begins in the picture, CSS pixels."""

    width: float
    dots: Sequence[tuple[float, FactDrift]]
    """The areas, and where they lie on the same scale."""

    outside: int
    """Areas that are not trusted, or with care, for this fact."""

    frames_outside: int
    frames: int
    distance: float | None
    """Kolmogorov-Smirnov; None where there are too few frames."""


def write_drift(folder: Path, drift: Drift) -> None:
    """Write drift.json, drift.md and drift.html, which fetches nothing."""
    title, rows = f"Drift: {drift.level}", rows_of(drift)
    write_text(folder / "drift.json", drift.model_dump_json(indent=1) + "\n")
    write_text(folder / "drift.md", render("drift.md.j2", drift=drift, rows=rows))
    write_text(folder / "drift.html", render("drift.html.j2", title=title, drift=drift, rows=rows, width=WIDTH))


def rows_of(drift: Drift) -> list[Row]:
    """Sum the findings up by fact, in the order of ``FACTS``."""
    rows = []
    for fact in FACTS:
        found = [finding for finding in drift.findings if finding.fact == fact.name]
        if not found:
            continue
        values = [found[0].low, found[0].high, *(it.value for it in found)]
        places = [math.log(max(value, 1e-6)) if fact.ratio else value for value in values]
        least, most = min(places), max(places)
        scale = (WIDTH - 2 * MARGIN) / (most - least) if most > least else 0.0
        left, right, *dots = (round(MARGIN + (place - least) * scale, 1) for place in places)
        rows.append(
            Row(
                fact=found[0],
                left=left,
                width=max(right - left, 2.0),
                dots=list(zip(dots, found, strict=True)),
                outside=sum(it.level != "trusted" for it in found),
                frames_outside=sum(it.frames_outside for it in found),
                frames=sum(it.frames for it in found),
                distance=drift.distributions.get(fact.name),
            )
        )
    return rows
