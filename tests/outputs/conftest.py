"""What tests of files of tracks share."""

import pandas as pd
import pytest
from shapely.geometry import box

from sn7ml.core.schemas import TRACKS
from tests.outputs.tracks import YARD, track
from tests.sn7_folder import AOI, FAR_AOI


@pytest.fixture
def tracks() -> pd.DataFrame:
    return some_tracks()


def some_tracks() -> pd.DataFrame:
    """Two areas; rows in the order of neither months nor ids."""
    rows = [
        track(AOI, "2018-02", "10", box(1.123, 2, 4, 6)),
        track(AOI, "2018-02", "9", YARD),
        track(AOI, "2018-01", "9", YARD),
        track(FAR_AOI, "2018-01", "0", box(-3, 60, 2, 70)),
    ]
    return TRACKS.check(pd.DataFrame(rows))
