"""The rows of a CSV that others wrote, with the lines they start on; those that cannot be cut into fields as well."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sn7ml.core.errors import LabelError
from sn7ml.core.safe_files import open_text
from sn7ml.scenes.row_errors import quoted, quoted_ends

LONGEST_FIELD = 10_000_000
"""Characters. The csv module's own limit of 131,072 is less than the outline of a whole town may need."""

MOST_CSV_BYTES = 2**31
"""SpaceNet 7's whole training set takes as much. Rows and polygons take up to ten times their text in memory."""

MOST_BROKEN = 10_000
"""Lines that cannot be cut into fields; each is remembered with a sentence, which may be longer than the line."""


@dataclass(frozen=True)
class CsvRows:
    """Rows below a header, without blank lines."""

    lines: list[int]
    """On which line of the file each row starts, counted from 1."""

    columns: dict[str, list[str]]
    """The columns asked for, by row."""

    broken: dict[int, str]
    """Line to a sentence on what is wrong, of the rows that have not as many fields as the header."""


def read_rows(path: Path, names: Sequence[str]) -> CsvRows:
    """Read columns ``names`` of a CSV in UTF-8, with or without byte order mark; a quoted field may span lines.

    Raises LabelError if the file cannot be opened, is no text in UTF-8, or its header lacks or repeats a name.
    """
    rows = CsvRows([], {name: [] for name in names}, {})
    records = _records(path)
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        first, header = next(records, (1, []))
        cells = list(zip(rows.columns.values(), _places(path, first, header, names), strict=True))
        for line, fields in records:
            if len(rows.broken) > MOST_BROKEN:
                raise LabelError(
                    "submission.too-many-broken-lines",
                    f"{path}: more than {MOST_BROKEN:,} broken lines; the first is {next(iter(rows.broken.values()))}",
                )
            if isinstance(fields, str):
                rows.broken[line] = fields
            elif len(fields) != len(header):
                rows.broken[line] = (
                    f"line {line}: {len(fields)} field(s) in {quoted_ends(','.join(fields))}; expected {len(header)} "
                    f"as in line {first}, and a field that holds commas between quotes"
                )
            else:
                rows.lines.append(line)
                for column, place in cells:
                    column.append(fields[place])
    finally:
        csv.field_size_limit(limit)
    return rows


def read_header(path: Path) -> list[str]:
    """Read the names of the columns of a CSV; none of a file without a header. Raises LabelError as ``read_rows``."""
    _, header = next(_records(path), (1, []))
    return header if isinstance(header, list) else []


def _places(path: Path, line: int, header: list[str] | str, names: Sequence[str]) -> list[int]:
    expected = f"expected a header with the columns {','.join(names)}"
    if isinstance(header, str):
        raise LabelError("submission.header", f"{path}: {header}; {expected}")
    if not header:
        raise LabelError("submission.empty", f"{path}: is empty; {expected}")
    lacking = [name for name in names if name not in header]
    repeated = [name for name in names if header.count(name) > 1]
    faults = [f"{fault} column(s) {found}" for fault, found in (("lacks", lacking), ("repeats", repeated)) if found]
    if faults:
        raise LabelError(
            "submission.header", f"{path}: line {line}, {quoted(','.join(header))}, {' and '.join(faults)}; {expected}"
        )
    return [header.index(name) for name in names]


def _records(path: Path) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the first line of every row with its fields, or with a sentence on what is wrong."""
    source: list[str] = []  # the lines of the row that is being read
    reader = csv.reader(_remembered(path, source), strict=True)
    while True:
        line = reader.line_num + 1
        source.clear()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            where = f"line {line}" if line == reader.line_num else f"lines {line} to {reader.line_num}"
            what = f"quotes do not pair ({error})"
            if str(error) == "unexpected end of data":
                what = "a quote is opened and never closed"
            from_here = quoted_ends(source[0].rstrip())
            yield line, f"{where}: {what}, from {from_here} on; expected quotes around whole fields only"
        except UnicodeDecodeError as error:
            # All lines before this one have been handed on, so the decoder's chunk starts within line_num + 1.
            number = reader.line_num + 1 + error.object.count(b"\n", 0, error.start)
            byte = error.object[error.start]
            raise LabelError(
                "submission.not-text",
                f"{path}: line {number} is not UTF-8 (byte 0x{byte:02x}); expected CSV text in UTF-8",
            ) from None
        else:
            if fields:
                yield line, fields


def _remembered(path: Path, source: list[str]) -> Iterator[str]:
    """Yield the lines of a file and put each into ``source``, for messages."""
    try:
        with open_text(path, MOST_CSV_BYTES) as file:
            for number, line in enumerate(file, start=1):
                if "\0" in line:
                    raise LabelError(
                        "submission.not-text",
                        f"{path}: line {number} holds a NUL character, so the file is not text; expected CSV in UTF-8",
                    )
                source.append(line)
                yield line
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); expected a CSV file"
        raise LabelError("submission.cannot-read", f"{path}: {reason}") from None
