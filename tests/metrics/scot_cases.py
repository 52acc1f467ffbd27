"""The reference scorer's inputs and results, packed in ``scot_cases.json.gz``."""

import csv
import gzip
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from tests.metrics.pack_scot_cases import PACKED


@cache
def packed() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(gzip.decompress(PACKED.read_bytes()))
    return content


def expected() -> dict[str, Any]:
    cases: dict[str, Any] = packed()["expected"]
    return cases


def write_case(name: str, folder: Path) -> tuple[Path, Path]:
    """Write the CSV files of truth and proposal as the reference read them."""
    truth, proposal = folder / "truth.csv", folder / "proposal.csv"
    for path in (truth, proposal):
        path.write_bytes(packed()["csv"][f"{name}/{path.name}"].encode())
    return truth, proposal


def read_case(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    return read_csv(name, "truth"), read_csv(name, "proposal")


def read_csv(name: str, kind: str) -> pd.DataFrame:
    rows = list(csv.DictReader(io.StringIO(packed()["csv"][f"{name}/{kind}.csv"], newline="")))
    return pd.DataFrame(
        {
            "aoi": pd.Series([row["filename"][30:58] for row in rows], dtype="str"),
            "time": pd.Series([row["filename"][15:22].replace("_", "-") for row in rows], dtype="str"),
            "id": pd.Series([row["id"] for row in rows], dtype="str"),
            "geometry": pd.Series([shapely.from_wkt(row["geometry"] or None) for row in rows], dtype="object"),
        }
    )
