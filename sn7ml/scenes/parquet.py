"""Bounds for Parquet files, which may have been built to unpack into more than a machine holds."""

from pathlib import Path

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from sn7ml.core.safe_files import require_regular

MOST_UNPACKED_BYTES = 2**30
"""Of all columns of a table, unpacked. 250,000 footprints, an area of 10,000 buildings, take 0.1 GB."""

ROWS_AT_ONCE = 2**14

TEXTS = (pyarrow.string(), pyarrow.large_string(), pyarrow.binary(), pyarrow.large_binary())


def require_small(path: Path, most_bytes: int) -> None:
    """Look through a parquet file in little memory, and refuse one that is large, or would be once it is unpacked.

    A page of a few bytes can stand for any number of equal rows, so what the file says of its sizes proves nothing.
    Texts and shapes are therefore left as numbers into a dictionary, and only their lengths are summed up.

    Raises OSError as :func:`sn7ml.core.safe_files.require_regular`; ValueError if it would be too large, or has columns
    of lists or structures, which could be of any size within a row; pyarrow.ArrowException if it is damaged.
    """
    require_regular(path, most_bytes)
    with pyarrow.parquet.ParquetFile(path, memory_map=True) as file:
        schema = file.schema_arrow
    texts = [field.name for field in schema if field.type in TEXTS]
    for field in schema:
        if field.name not in texts and not pyarrow.types.is_primitive(field.type):
            raise ValueError(f"column {field.name!r:.80} is of {field.type}; expected numbers, texts and shapes")
    unpacked = 0
    with pyarrow.parquet.ParquetFile(path, memory_map=True, read_dictionary=texts) as file:
        for column in (column for batch in file.iter_batches(ROWS_AT_ONCE) for column in batch.columns):
            if pyarrow.types.is_dictionary(column.type):
                lengths = pyarrow.compute.binary_length(column.dictionary).take(column.indices)
                unpacked += len(column) + int(pyarrow.compute.sum(lengths).as_py() or 0)
            else:
                unpacked += column.nbytes
            if unpacked > MOST_UNPACKED_BYTES:
                raise ValueError(f"unpacks into more than {MOST_UNPACKED_BYTES:,} bytes")
