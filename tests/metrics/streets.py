"""The street that tests of SCOT walk down, and ways to change it."""

import pandas as pd

from tests.metrics.towns import Row, drawn, table

OTHER = "L15-0358E-1220N_1433_3310_13"

# C is born in the second month, D in the third.
STREET = {"2018-01": "AA.BB......", "2018-02": "AA.BB.CC...", "2018-03": "AA.BB.CC.DD"}
"""Nine footprints, two births."""


def proposed(*streets: str) -> pd.DataFrame:
    """Proposals for the months of ``STREET``."""
    return drawn(dict(zip(STREET, streets, strict=True)))


def with_rows(frame: pd.DataFrame, *rows: Row) -> pd.DataFrame:
    return pd.concat([frame, table(list(rows))], ignore_index=True)
