"""Judge tables of facts."""

from pathlib import Path
from typing import Any

import pandas as pd

from sn7ml.data.facts import FRAME_FACTS, LABEL_FACTS, frame_facts, label_facts
from sn7ml.params import ValidationParams
from sn7ml.validation.gx import judge
from sn7ml.validation.report import Offender, Report, Result
from sn7ml.validation.suites import Check, suites

__all__ = ["Report", "run_validation", "validate"]


def run_validation(root: Path, frames: pd.DataFrame, params: ValidationParams) -> Report:
    """Read every file that a ``FRAMES`` table names, and judge what was found.

    Damaged files do not raise: they fail expectations. See ``Report.ok``.
    """
    return validate(frame_facts(root, frames), label_facts(root, frames), params)


def validate(frames: pd.DataFrame, labels: pd.DataFrame, params: ValidationParams) -> Report:
    """Judge the facts.

    Parameters
    ----------
    frames
        ``FRAME_FACTS``.
    labels
        ``LABEL_FACTS``.
    params
        Thresholds.

    Returns
    -------
    Report
        One result per expectation, in the order of the suites. Equal facts give equal reports.

    Raises
    ------
    TableError
        If a table is not what it should be.
    """
    tables = {"frames": FRAME_FACTS.check(frames), "labels": LABEL_FACTS.check(labels)}
    results: list[Result] = []
    for suite, checks in suites(params).items():
        judged = judge(suite, tables[suite], [check.bound() for check in checks])
        results += [_result(suite, check, judged[check.name], tables[suite]) for check in checks]
    return Report(tuple(results), {suite: len(table) for suite, table in tables.items()})


def _result(suite: str, check: Check, judged: Any, table: pd.DataFrame) -> Result:
    rows = sorted(judged.result.get("unexpected_index_list") or [])
    offenders = tuple(_offender(check, table.iloc[row]) for row in rows)
    return Result(
        suite=suite,
        name=check.name,
        column=check.column,
        severity=check.severity,
        success=bool(judged.success),
        why=check.why,
        cure=check.cure,
        offenders=offenders,
    )


def _offender(check: Check, row: pd.Series) -> Offender:
    more = row[check.detail] if check.detail else ""
    detail = "" if pd.isna(more) or more == "" else f"{check.detail}: {more}"
    return Offender(row["aoi"], row["month"], row["file"], _plain(row[check.column]), detail)


def _plain(value: Any) -> bool | int | float | str | None:
    """Return a value that JSON knows; infinities and not-a-numbers as text."""
    if pd.isna(value):
        return None
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, float):
        return round(plain, 6) if abs(plain) != float("inf") else str(plain)
    return plain if isinstance(plain, bool | int) else str(plain)
