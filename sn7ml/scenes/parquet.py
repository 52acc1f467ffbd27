"""Parquet files that may have been built to unpack into more than a machine holds: looked through before they are read."""

from pathlib import Path

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from sn7ml.core.safe_files import require_regular

MOST_UNPACKED_BYTES = 2**30
"""Of all columns of a table, unpacked. 250,000 footprints, an area of 10,000 buildings, take 0.1 GB."""

ROWS_AT_ONCE = 2**14


def require_small(path: Path, most_bytes: int) -> None:
    """Look through a parquet file in little memory, and refuse one that is large, or would be once it is unpacked.

    A page of a few bytes can stand for any number of equal rows, so what the file says of its sizes proves nothing. Texts and
    shapes are therefore left as numbers into a dictionary, and only their lengths are summed up.

    Raises
    ------
    OSError
        As :func:`sn7ml.core.safe_files.require_regular`.
    ValueError
        If it would be too large, or has columns of lists or structures, which could be of any size within a row.
    pyarrow.ArrowException
        If it is no parquet file, or damaged.
    """
    require_regular(path, most_bytes)
    with pyarrow.parquet.ParquetFile(path, memory_map=True) as file:
        schema = file.schema_arrow
        texts = [field.name for field in schema if _is_text(field.type)]
        others = [it for it in schema if it.name not in texts and not pyarrow.types.is_primitive(it.type)]
        if others:
            raise ValueError(
                f"column {others[0].name!r:.80} is of {others[0].type}; expected numbers, texts and shapes"
            )
    unpacked = 0
    with pyarrow.parquet.ParquetFile(path, memory_map=True, read_dictionary=texts) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE):
            unpacked += sum(map(_bytes_of, batch.columns))
            if unpacked > MOST_UNPACKED_BYTES:
                raise ValueError(f"unpacks into more than {MOST_UNPACKED_BYTES:,} bytes")


def _is_text(kind: pyarrow.DataType) -> bool:
    types = pyarrow.types
    return any(
        is_one(kind) for is_one in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    )


def _bytes_of(column: pyarrow.Array) -> int:
    if not pyarrow.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pyarrow.compute.binary_length(column.dictionary)
    return len(column) + int(pyarrow.compute.sum(lengths.take(column.indices)).as_py() or 0)
