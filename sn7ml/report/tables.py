"""Tables of a page: what a cell says, and by what it is sorted."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

NOTHING = "–"
"""What a cell without a value says: NaN, None and missing alike."""


@dataclass(frozen=True)
class Cell:
    """One value as it is shown."""

    text: str

    number: float | None = None
    """What a column of numbers is sorted by; None for text and for nothing."""


@dataclass(frozen=True)
class Table:
    """A table as it is shown."""

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Header of each column and whether it holds a number; the first column names the rows."""
        numeric = [any(row[place].number is not None for row in self.rows) for place in range(len(self.headers))]
        return [(header, place > 0 and numeric[place]) for place, header in enumerate(self.headers)]


def cell(value: Any) -> Cell:
    """Show one value: a ratio with three decimals, what is too small or too large for them with three digits.

    >>> cell(1234).text, cell(0.41237).text, cell(0.00002).text, cell(float("nan")).text, cell(True).text
    ('1,234', '0.412', '2e-05', '–', 'yes')
    """
    value = value.item() if hasattr(value, "dtype") else value  # numpy's own types
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return Cell(NOTHING)
    match value:
        case bool():
            return Cell("yes" if value else "no")
        case int():
            return Cell(f"{value:,}", float(value))
        case float():
            return Cell(f"{value:.3f}" if value == 0 or 0.01 <= abs(value) < 1000 else f"{value:.3g}", value)
        case _:
            return Cell(str(value))


def exact(value: float) -> Cell:
    """Show a score with four decimals: two good runs may lie close together."""
    return Cell(NOTHING) if math.isnan(value) else Cell(f"{value:.4f}", float(value))


def signed(value: float) -> Cell:
    """Show a difference of scores with its sign.

    >>> signed(0.02631).text, signed(-0.5).text, signed(0.0).text, signed(float("nan")).text
    ('+0.0263', '-0.5000', '0', '–')
    """
    return Cell(NOTHING) if math.isnan(value) else Cell(f"{value:+.4f}" if value else "0", float(value))


def table(
    frame: pd.DataFrame,
    caption: str,
    *,
    names: Mapping[str, str] = MappingProxyType({}),
    cells: Mapping[str, Callable[[Any], Cell]] = MappingProxyType({}),
) -> Table:
    """Show a table of plain values, each by the column's entry of ``cells`` or by :func:`cell`.

    A column that ``names`` lacks is headed by its own name, with blanks for underscores; a dotted one, the key of a
    param that people copy, stays as it is.
    """
    columns = [str(name) for name in frame.columns]
    headers = [names.get(name, name if "." in name else name.replace("_", " ")) for name in columns]
    shown = [map(cells.get(name, cell), frame.iloc[:, place].tolist()) for place, name in enumerate(columns)]
    return Table(caption, headers, [list(row) for row in zip(*shown, strict=True)])


def beside(columns: Mapping[str, Any], caption: str, names: Mapping[str, str] = MappingProxyType({})) -> Table:
    """Show mappings, nested or not, beside each other: a row per (dotted) key of any, in order of first appearance.

    Anything else is shown in a row called "model". Of a nested key the last part is enough for a name: ``scores.iou``
    is ``iou``.
    """
    named: dict[str, dict[str, Any]] = {}
    for header, content in columns.items():
        nested = content if isinstance(content, Mapping) else {"model": content}
        named[header] = {}
        for record in pd.json_normalize({str(key): value for key, value in nested.items()}).to_dict("records"):
            last = {str(key): str(key).rpartition(".")[2] for key in record}
            named[header] = {last[key] if last[key] in names else key: record[key] for key in last}
    keys = dict.fromkeys(key for content in named.values() for key in content)
    rows = [[Cell(names.get(key, key)), *(cell(content.get(key)) for content in named.values())] for key in keys]
    return Table(caption, ["", *columns], rows)
