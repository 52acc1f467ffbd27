"""One expectation with its reasons, and short names for the usual expectations."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from sn7ml.validation.gx import expectations as gxe
from sn7ml.validation.report import Offender, Picture, Severity


@dataclass(frozen=True)
class Check:
    """One expectation with its reasons."""

    severity: Severity
    name: str
    """The expectation as a sentence; unique in its suite."""

    expectation: Any
    """Great Expectations' object, without severity, meta and notes."""

    why: str
    cure: str
    detail: str = ""
    """The column that explains an offender beside the judged value; a building's id if it ends in ``_id``."""

    picture: Picture = ""
    """The picture that shows an offender best."""

    @property
    def column(self) -> str:
        """The judged column; "" if the table as a whole is judged."""
        return str(getattr(self.expectation, "column", "") or getattr(self.expectation, "column_B", ""))

    def bound(self) -> Any:
        """Return the expectation as Great Expectations runs it, carrying severity and reasons."""
        meta = {"name": self.name, "why": self.why, "cure": self.cure}
        return self.expectation.copy(
            update={"severity": self.severity, "meta": meta, "notes": f"{self.why} {self.cure}"}
        )

    def offender(self, row: pd.Series) -> Offender:
        """Describe a row by values that JSON knows: infinities are text, and text is cut at 100 characters."""
        more = row[self.detail] if self.detail else ""
        detail = "" if pd.isna(more) or more == "" else f"{self.detail}: {more}"
        building = str(more) if detail and (self.detail == "id" or self.detail.endswith("_id")) else ""
        value = row[self.column]
        value = value.item() if hasattr(value, "item") else value
        if value is None or pd.isna(value):
            value = None
        elif isinstance(value, float):
            value = round(value, 6) if abs(value) != float("inf") else str(value)
        elif not isinstance(value, bool | int):
            value = str(value)[:100]
        return Offender(row["aoi"], row["time"], row["file"], value, detail, building)


critical, warning = partial(Check, "critical"), partial(Check, "warning")


def rows_exist() -> Any:
    """At least one row. All other expectations hold for an empty table."""
    return gxe.ExpectTableRowCountToBeBetween(min_value=1)


def true(column: str) -> Any:
    """Every value is True."""
    return one_of(column, True)


def one_of(column: str, *allowed: Any) -> Any:
    """Every value is one of these."""
    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(allowed))


def none(column: str) -> Any:
    """Every value is 0 or less."""
    return at_most(column, 0)


def at_most(column: str, highest: float) -> Any:
    """No value is higher."""
    return gxe.ExpectColumnValuesToBeBetween(column=column, max_value=highest)


def at_least(column: str, lowest: float) -> Any:
    """No value is lower."""
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=lowest)


def between(column: str, lowest: float, highest: float) -> Any:
    """Every value lies between these two, or is one of them."""
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=lowest, max_value=highest)


def known(column: str) -> Any:
    """No value is missing."""
    return gxe.ExpectColumnValuesToNotBeNull(column=column)


def same(column: str, usual: str) -> Any:
    """Every value is that of the column ``usual``; rows that lack either are not judged."""
    return gxe.ExpectColumnPairValuesToBeEqual(column_A=usual, column_B=column, ignore_row_if="either_value_is_missing")
