"""What pages show of one task only."""

from collections.abc import Mapping
from typing import assert_never

import pandas as pd

from sn7ml.params import TaskName
from sn7ml.report.charts.diagnosis_panels import draw_diagnosis


def pictures_of(task: TaskName, tables: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """Draw a task's tables of an evaluation: name to PNG."""
    match task:
        case "buildings_through_time":
            return {"diagnosis": draw_diagnosis(tables["losses"], tables["births"], tables["sizes"])}
        case _:
            assert_never(task)
