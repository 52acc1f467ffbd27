"""Pack the cases of the SpaceNet 7 reference scorer into one file: inputs, results and notes.

The cases come as a folder: ``<case>/truth.csv``, ``<case>/proposal.csv``, and ``expected.json``, which the reference
scorer wrote. The packed file is gzipped JSON without a time stamp, ``{"csv": {"<case>/truth.csv": text, ...},
"expected": {case: {...}}}``, so packing the same folder again gives the same bytes::

    python -m tests.metrics.pack_scot_cases ../shared/reference/scot_cases
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

PACKED = Path(__file__).with_name("scot_cases.json.gz")


def cases_in(folder: Path) -> dict[str, Any]:
    """Read a folder of cases, in the form that is packed."""
    return {
        "csv": {path.relative_to(folder).as_posix(): read_text(path) for path in sorted(folder.glob("*/*.csv"))},
        "expected": json.loads(read_text(folder / "expected.json"))["cases"],
    }


def read_text(path: Path) -> str:
    """Read text with its own line ends: a CSV of the reference ends lines as its writer did."""
    return path.read_bytes().decode()


if __name__ == "__main__":
    text = json.dumps(cases_in(Path(sys.argv[1])), sort_keys=True, separators=(",", ":"))
    PACKED.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
