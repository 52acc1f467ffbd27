"""The results of validation: for programs (a dict), for a terminal (a line) and for people (Markdown).

Nothing here depends on time, machine or chance, so that an unchanged report re-runs no stage.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["critical", "warning"]

Picture = Literal["", "frame", "building", "found"]
"""The frame beside another month's, the building on its ground, or all that was found."""

NOUNS: Mapping[str, str] = {
    "frames": "frame", "labels": "label file", "tiles": "tiled frame", "regions": "region", "tracks": "area",
    "footprints": "footprint", "images": "image", "outlines": "label file", "classes": "label image",
    "class_counts": "class map",
}  # fmt: skip
"""Suite → what a row of its table is; a summary counts no others."""

SHOWN = 20
"""Offenders that a report lists by name for one expectation."""

WORST = 3
"""Failed expectations that the summary names."""


@dataclass(frozen=True)
class Offender:
    """A row that does not meet an expectation."""

    aoi: str
    month: str
    file: str
    """Relative to the data root."""

    value: bool | int | float | str | None
    detail: str
    """More about the value, or ""."""

    building: str = ""
    """The id of an offending building, or ""."""

    def __str__(self) -> str:
        return f"{self.aoi} {self.month} {self.file} ({self.detail or f'value: {self.value}'})"


@dataclass(frozen=True)
class Result:
    """The result of one expectation."""

    suite: str
    """Which table was judged: "frames", "labels", …"""

    name: str
    column: str
    """"" if the table as a whole was judged."""

    severity: Severity
    success: bool
    why: str
    cure: str
    offenders: tuple[Offender, ...]
    """In order of AOI and month; empty for a failed expectation about the table as a whole."""

    picture: Picture = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the result with its first offenders and how many more there are."""
        content = asdict(self) | {"offenders": [asdict(offender) for offender in self.offenders[:SHOWN]]}
        return content | {"n_unexpected": len(self.offenders), "n_more": max(0, len(self.offenders) - SHOWN)}

    def __str__(self) -> str:
        others = len(self.offenders) - 1
        first = f": {self.offenders[0]}" if self.offenders else ""
        return f"not true that {self.name} [{self.suite}]{first}{f' and {others} more' if others > 0 else ''}"


Span = tuple[float, float]
"""Least and most."""


@dataclass(frozen=True)
class Measured:
    """Facts of one table, whether its expectations hold or not."""

    words: Mapping[str, str]
    """Column of the table → what it is."""

    aois: Mapping[str, tuple[Span | None, ...]]
    """AOI → the span of each of these columns over its rows; None where it is not known."""


@dataclass(frozen=True)
class AoiFailures:
    """The expectations that one AOI does not meet."""

    aoi: str
    critical: tuple[str, ...]
    warnings: tuple[str, ...]
    """Both with the one that has most offenders first."""

    months: Mapping[str, Severity]
    """Month with an offender → the worse of its severities; "" for what concerns all months."""


@dataclass(frozen=True)
class Report:
    """The results of all expectations."""

    results: tuple[Result, ...]
    rows: Mapping[str, int]
    """Suite → rows of its table."""

    subject: str = "validation"
    """What is reported on, as the beginning of a sentence."""

    n_aois: int = 0
    """Number of AOIs; 0 if unknown."""

    measured: Mapping[str, Measured] = field(default_factory=dict)
    """Suite → what was measured."""

    @property
    def ok(self) -> bool:
        """Whether nothing critical failed."""
        return not any(result.severity == "critical" for result in self.failures())

    def failures(self) -> list[Result]:
        """Return the failed expectations, the worst first: critical before warning, then by number of offenders."""
        failed = [result for result in self.results if not result.success]
        return sorted(failed, key=lambda result: (result.severity != "critical", -len(result.offenders)))

    def aois(self) -> list[AoiFailures]:
        """Return the AOIs with a failed expectation, worst first: by critical ones, then offenders, then warnings."""
        found: dict[str, list[tuple[Result, str]]] = defaultdict(list)
        for result in self.failures():
            for offender in result.offenders:
                if offender.aoi:
                    found[offender.aoi].append((result, offender.month))
        ranked = []
        for aoi, failed in found.items():
            critical = Counter(result.name for result, _ in failed if result.severity == "critical")
            warnings = Counter(result.name for result, _ in failed if result.severity == "warning")
            months = {month: result.severity for result, month in reversed(failed)}  # critical ones last, so they stay
            rank = (-len(critical), -critical.total(), -len(warnings), -warnings.total(), aoi)
            names, milder = (tuple(name for name, _ in counts.most_common()) for counts in (critical, warnings))
            ranked.append((rank, AoiFailures(aoi, names, milder, dict(sorted(months.items())))))
        return [failures for _, failures in sorted(ranked, key=lambda it: it[0])]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        return {
            "ok": self.ok,
            "summary": self.summary(),
            "rows": dict(self.rows),
            "worst": [
                {"aoi": aoi.aoi, "critical": list(aoi.critical), "warnings": list(aoi.warnings)}
                for aoi in self.aois()[:SHOWN]
            ],
            "results": [result.as_dict() for result in self.results],
            "measured": {
                suite: {aoi: dict(zip(found.words, spans, strict=True)) for aoi, spans in found.aois.items()}
                for suite, found in self.measured.items()
            },
        }

    def summary(self) -> str:
        """Return one line: passed or failed, and the three worst failures with their first offenders."""
        failed = self.failures()
        critical = sum(result.severity == "critical" for result in failed)
        counts = f"{_plural(critical, 'critical failure')}, {_plural(len(failed) - critical, 'warning')}"
        what = ", ".join(_plural(number, NOUNS[suite]) for suite, number in self.rows.items() if suite in NOUNS)
        if not failed:
            return f"{self.subject} passed: {what}, all {len(self.results)} expectations hold"
        worst = "; ".join(f"({number}) {result}" for number, result in enumerate(failed[:WORST], start=1))
        return f"{self.subject} {'passed' if self.ok else 'failed'}: {what}, {counts}. Worst: {worst}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
