"""One expectation with its reasons, and short names for the usual expectations."""

from dataclasses import dataclass
from typing import Any

from sn7ml.validation.gx import expectations as gxe
from sn7ml.validation.report import Picture, Severity


@dataclass(frozen=True)
class Check:
    """One expectation with its reasons."""

    name: str
    """The expectation as a sentence; unique in its suite."""

    severity: Severity
    expectation: Any
    """Great Expectations' object, without severity, meta and notes."""

    why: str
    cure: str
    detail: str = ""
    """The column that tells more about an offender than the judged value; a building's id if it ends in ``_id``."""

    picture: Picture = ""
    """The picture that shows an offender best."""

    @property
    def column(self) -> str:
        """Return the judged column; "" if the table as a whole is judged."""
        return str(getattr(self.expectation, "column", "") or getattr(self.expectation, "column_B", ""))

    def bound(self) -> Any:
        """Return the expectation as Great Expectations runs it, carrying severity and reasons."""
        changes = {
            "severity": self.severity,
            "meta": {"name": self.name, "why": self.why, "cure": self.cure},
            "notes": f"{self.why} {self.cure}",
        }
        return self.expectation.copy(update=changes)


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
