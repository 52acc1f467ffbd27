"""The reference scorer's inputs and results, where they lie beside the repository."""

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "scot_cases"
AVAILABLE = (FOLDER / "expected.json").is_file()


@cache
def expected() -> dict[str, Any]:
    cases: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text())["cases"] if AVAILABLE else {}
    return cases


def read_case(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    return read_csv(FOLDER / name / "truth.csv"), read_csv(FOLDER / name / "proposal.csv")


def read_csv(path: Path) -> pd.DataFrame:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return pd.DataFrame(
        {
            "aoi": pd.Series([row["filename"][30:58] for row in rows], dtype="str"),
            "time": pd.Series([row["filename"][15:22].replace("_", "-") for row in rows], dtype="str"),
            "id": pd.Series([row["id"] for row in rows], dtype="str"),
            "geometry": pd.Series([shapely.from_wkt(row["geometry"] or None) for row in rows], dtype="object"),
        }
    )
