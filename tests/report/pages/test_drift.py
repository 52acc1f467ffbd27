"""The page and the Markdown of a comparison: every fact, every area, nothing fetched."""

import re
from pathlib import Path

import pandas as pd

from sn7ml.report.pages.drift import MARGIN, WIDTH, rows_of, write_drift
from sn7ml.validation.drift import Drift, compare, make_profile


def frames(aoi: str, level: float, pixel: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "aoi": aoi,
            "time": ["2018-01", "2018-02", "2018-03"],
            "file": "f.tif",
            "fault": "",
            "brightness_red": [level, level + 10, level + 20],
            "ground_px_m": pixel,
        }
    )


def drifted() -> Drift:
    known = make_profile(pd.concat([frames(f"A{number}", 100, 4.0) for number in range(5)]))
    return compare(known, pd.concat([frames("<b>A0</b>", 100, 4.0), frames("far", 100, 8.0)]))


def test_the_markdown_names_every_fact_and_every_area(tmp_path: Path) -> None:
    write_drift(tmp_path, drifted())
    text = (tmp_path / "drift.md").read_text(encoding="utf-8")
    assert text.startswith(
        "# Drift: not trusted\n\nThe model is not to be trusted on 1 of 2 areas: far (ground pixel size"
    )
    assert "| ground pixel size | m | 4 to 4 | 4 to 8 | 1 of 2 | 3 of 6 |  |" in text
    assert "| brightness, red | grey levels | 100 to 120 | 110 | 0 of 2 | 0 of 6 |  |" in text
    assert "| far | not trusted | ground pixel size 8 m, 5.0 spreads above training's 4 to 4 |" in text


def test_the_page_is_whole_and_what_names_say_is_no_markup(tmp_path: Path) -> None:
    write_drift(tmp_path, drifted())
    page = (tmp_path / "drift.html").read_text(encoding="utf-8")
    assert page.count("<circle") == 4
    assert page.count('class="bad"') == 1
    assert "<b>A0" not in page
    assert "&lt;b&gt;A0" in page
    assert not re.search(r"(?:src|href)=", page)
    assert len(page) < 20_000, "no plotly in it"
    write_drift(tmp_path, drifted())
    assert (tmp_path / "drift.html").read_text(encoding="utf-8") == page


def test_pictures_lie_within_their_frame_and_are_to_scale() -> None:
    brightness, pixel = rows_of(drifted())
    # 100 to 120 is the whole width; the area's median, 110, lies in the middle of it.
    assert (brightness.left, brightness.width) == (MARGIN, WIDTH - 2 * MARGIN)
    assert {x for x, _ in brightness.dots} == {WIDTH / 2}
    assert [x for x, _ in pixel.dots] == [MARGIN, WIDTH - MARGIN]


def test_a_fact_that_never_varies_can_be_drawn() -> None:
    known = make_profile(frames("A", 100, 4.0))
    pixel = rows_of(compare(known, frames("A", 100, 4.0)))[1]
    assert pixel.dots[0][0] == pixel.left
    assert pixel.width > 0
