"""Colours that a colour-blind reader can tell apart, one place for all pictures."""

from zlib import crc32

GROUND, INK, SOFT, LINE = "#fcfcfa", "#1d2229", "#5a636f", "#dcdfe3"
"""The page's colours in the light, as in ``report.css``."""

MAP_GROUND, RIM = "#f1f1ec", "#3c4048"
"""What lies between the buildings of a map, and the thin line around each."""

TRUTH_RGB, FOUND_RGB = (0, 229, 255), (255, 159, 28)
"""Outlines on imagery: bright cyan, which no ground has, and orange, its opposite for every kind of colour vision."""

BOTH_RGB = (255, 255, 255)
"""What is true and found, over a darkened image; what is only one of the two has the colour of that side."""

TRUTH, FOUND = "#1098ad", "#e8710a"
"""The same in charts, dark enough for a white page and bright enough for a dark one."""

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a8f98")
"""Lines of one chart, in order (after Okabe and Ito)."""

IDENTITIES = (
    "#4477aa", "#66ccee", "#228833", "#ccbb44", "#aa3377", "#ee8866", "#77aadd", "#44bb99", "#9988dd", "#997755",
)  # fmt: skip
"""Fills of the map by building id (after Tol). Neighbours may share one: an id has the same colour in every month."""

BORN, OLD, STOOD = "#e8175d", "#b8bcc4", "#f2f4f7"
"""Rim of a building in the month it is born; what stood there from the first month on; the same over a dark image."""


def identity_colour(building_id: str) -> str:
    """Return the colour of an id, the same in every month, AOI, run and process (which ``hash`` would not be).

    >>> identity_colour("12")  # CRC-32 of "12" is 0x4f5344cd, which ends in 5 in decimals
    '#ee8866'
    """
    return IDENTITIES[crc32(building_id.encode()) % len(IDENTITIES)]
