"""Tables of a page: what a cell says, and by what it is sorted."""

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sn7ml.report.charts.scores import SCORES

NOTHING = "–"
"""What a cell without a value says: NaN, None and missing alike."""


@dataclass(frozen=True)
class Cell:
    """One value as it is shown."""

    text: str

    number: float | None
    """What a column of numbers is sorted by; None for text and for nothing."""


@dataclass(frozen=True)
class Grid:
    """A table as it is shown."""

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Header of each column and whether it holds a number; the first column names the rows."""
        numeric = [any(row[place].number is not None for row in self.rows) for place in range(len(self.headers))]
        return [(header, place > 0 and numeric[place]) for place, header in enumerate(self.headers)]


def cell(value: Any) -> Cell:
    """Show one value.

    >>> cell(1234).text, cell(0.41237).text, cell(0.00002).text, cell(float("nan")).text, cell(True).text
    ('1,234', '0.412', '2e-05', '–', 'yes')
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return Cell(NOTHING, None)
    match value:
        case bool():
            return Cell("yes" if value else "no", None)
        case numbers.Integral():
            return Cell(f"{int(value):,}", float(value))
        case numbers.Real():
            return Cell(decimal(float(value)), None if math.isnan(value) else float(value))
        case _ if hasattr(value, "dtype"):  # numpy's own bool
            return cell(value.item())
        case _:
            return Cell(str(value), None)


def decimal(value: float | None) -> str:
    """Show a ratio with three decimals, and what is too small or too large for them with three digits."""
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:.3f}" if value == 0 or 0.01 <= abs(value) < 1000 else f"{value:.3g}"


def grid(frame: pd.DataFrame, caption: str) -> Grid:
    """Show a table of plain values, columns that are scores under the names people read."""
    # Dotted names are keys of params: people copy them.
    plain = [str(name) if "." in str(name) else str(name).replace("_", " ") for name in frame.columns]
    headers = [SCORES.get(str(name), shown) for name, shown in zip(frame.columns, plain, strict=True)]
    rows = [[cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    return Grid(caption, headers, rows)


def beside(columns: Mapping[str, Any], caption: str) -> Grid:
    """Show mappings beside each other, a row per (dotted) key of any of them, in order of first appearance."""
    flat = {name: flattened(content) for name, content in columns.items()}
    keys = dict.fromkeys(key for content in flat.values() for key in content)
    rows = [[Cell(SCORES.get(key, key), None), *(cell(content.get(key)) for content in flat.values())] for key in keys]
    return Grid(caption, ["", *columns], rows)


def flattened(content: Any) -> dict[str, Any]:
    """Return nested mappings under dotted keys; of the names of scores, the last part is enough. None gives nothing.

    >>> flattened({"digest": "a1", "scores": {"scot": 0.2}}), flattened("v3"), flattened(None)
    ({'digest': 'a1', 'scot': 0.2}, {'model': 'v3'}, {})
    """
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        return {"model": content}
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            flat |= {inner if inner in SCORES else f"{name}.{inner}": deep for inner, deep in flattened(value).items()}
        else:
            flat[str(name)] = value if isinstance(value, numbers.Real | None) else str(value)
    return flat
