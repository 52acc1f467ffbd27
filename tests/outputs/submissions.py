"""CSVs written by hand, and what is said of bad ones."""

from pathlib import Path

import pandas as pd
import pytest

from sn7ml.core.errors import LabelError
from sn7ml.outputs.submission import read_polygons
from tests.sn7_folder import AOI, stem

JAN, FEB = stem(AOI, "2018-01"), stem(AOI, "2018-02")
HEADER = "filename,id,geometry\n"
SQUARE = '"POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))"'
STEM = "global_monthly_YYYY_MM_mosaic_L15-0331E-1257N_1327_3160_13"
WKT = "expected POLYGON ((x y, ...)) in pixels"


def read(tmp_path: Path, text: str | bytes) -> pd.DataFrame:
    (tmp_path / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_polygons(tmp_path / "a.csv")


def complaint(tmp_path: Path, text: str | bytes) -> list[str]:
    """The lines of the error's message, without the folder's name."""
    with pytest.raises(LabelError) as caught:
        read(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "").split("\n")


def complaint_of_row(tmp_path: Path, row: str) -> str:
    """What is said of one row, the only bad one, on line 3."""
    head, fault = complaint(tmp_path, f"{HEADER}{JAN},1,{SQUARE}\n{row}\n{FEB},1,{SQUARE}\n")
    assert head == "a.csv: 1 bad line"
    return fault.strip()
