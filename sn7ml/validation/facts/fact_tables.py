"""Tables of facts, of which any may be missing, and errors as such a table holds them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sn7ml.core.schemas import Table

KINDS = {"text": "str", "int": "Int64", "float": "float64", "bool": "boolean", "geometry": "object"}
"""pandas' types for facts; unlike in other tables, values may be missing."""


def as_table(rows: Sequence[Mapping[Any, Any]] | pd.DataFrame, table: Table) -> pd.DataFrame:
    """Make a table of facts from rows in which facts may be missing, or from a frame with other types."""
    frame = pd.DataFrame(rows, columns=list(table.columns))
    return table.check(frame.astype({name: KINDS[kind] for name, kind in table.columns.items()}))


def in_a_line(error: BaseException, root: Path, file: str) -> str:
    """Return an error as one line of at most 300 characters, with the file's name relative to the data root.

    Facts end up in outputs that DVC tracks, so no path of this machine may be in them.
    """
    words = " ".join(str(error).split()).replace(str(root / file), file)
    return (words or type(error).__name__)[:300]


def fault_of(error: BaseException, root: Path, file: str) -> str:
    """Return an error as :func:`in_a_line` without the file's name in front, which has a column of its own."""
    return in_a_line(error, root, file).removeprefix(f"{file}: ")
