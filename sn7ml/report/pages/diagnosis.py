"""Where SCOT was lost: charts for a page, one picture, and a page of its own.

Three tables go in, of ``sn7ml.metrics.diagnosis`` and ``sn7ml.metrics.footprints``; each may be empty:

* *losses*: aoi, kind, track_fp, track_fn, change_fp, change_fn, scot, scot_without; every AOI has every kind;
* *births*: aoi, outcome, months_late (negative: early; NaN where it means nothing), and ids, which are not shown;
* *sizes*: aoi, size, truth, truth_matched, proposals, proposals_matched.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from sn7ml.core.runtime.files import write_text
from sn7ml.metrics.diagnosis import COUNTS, kinds_of, with_gain
from sn7ml.report.charts import diagnosis_panels as panels
from sn7ml.report.charts.diagnosis import birth_delays, loss_bars, loss_by_aoi, size_bars
from sn7ml.report.diagnosis_counts import COUNT_NAMES, label_of, labelled_kinds
from sn7ml.report.maps.drawing import png
from sn7ml.report.offline import Plot, plot, render
from sn7ml.report.palette import GROUND
from sn7ml.report.tables import Grid, decimal, grid

TITLE = "Where SCOT was lost"

DIGITS = 4
"""Of gains in tables: their last digits are those of two scores' difference."""


def draw_diagnosis(losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> bytes:
    """Draw losses, births and sizes in one PNG, 1000 px wide. The same tables give the same bytes."""
    figure = Figure(figsize=(10, 8.4), dpi=100, facecolor=GROUND, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(1.05, 1))).tolist()
    panels.draw_losses(above.add_subplot(), losses)
    delays, outcomes, shares = below.subplots(1, 3, width_ratios=(1.25, 0.95, 1.1))
    panels.draw_births(delays, outcomes, births)
    panels.draw_sizes(shares, sizes)
    return png(figure)


@dataclass(frozen=True)
class Lost:
    """What a page says about where SCOT was lost."""

    scot: str
    """As it is, the mean over AOIs."""

    aois: int
    bars: Plot
    kinds: Grid

    by_aoi: Plot | None
    """None if there is one AOI only."""

    delays: Plot | None
    """None without births."""

    sizes: Plot | None


def lost(losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> Lost | None:
    """Prepare the tables for the macro ``lost`` of the templates. Without losses, nothing was scored: None."""
    if losses.empty:
        return None
    table, aois = labelled_kinds(losses), losses["aoi"].nunique()
    scot = decimal(table["scot"].iloc[0])
    label = "Heat map: what each AOI would gain without each kind of error"
    return Lost(
        scot=scot,
        aois=aois,
        bars=plot("loss-bars", "Bars: SCOT today and without each kind of error", loss_bars(losses)),
        kinds=_kinds(table, f"Errors of each kind, summed over AOIs, and SCOT without them; it is {scot} today"),
        by_aoi=plot("loss-by-aoi", label, loss_by_aoi(losses)) if aois > 1 else None,
        delays=plot("birth-delays", "Bars: births by months late and by what went wrong", birth_delays(births))
        if len(births)
        else None,
        sizes=plot("size-bars", "Bars: recall and precision by size of footprint", size_bars(sizes))
        if len(sizes)
        else None,
    )


def _kinds(table: pd.DataFrame, caption: str) -> Grid:
    columns = {"label": "kind", "meaning": "meaning", **COUNT_NAMES, "scot_without": "SCOT without", "gain": "gain"}
    return grid(table[list(columns)].round({"gain": DIGITS}).rename(columns=columns), caption)


def write_diagnosis(path: Path, losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> None:
    """Write one HTML page that opens offline; parent folders are made. The same tables give the same bytes."""
    write_text(path, render_diagnosis(losses, births, sizes))


def render_diagnosis(losses: pd.DataFrame, births: pd.DataFrame, sizes: pd.DataFrame) -> str:
    """Return the page as HTML text. Whatever came from outside is escaped."""
    return render(
        "diagnosis.html.j2", title=TITLE, lost=lost(losses, births, sizes), gains=_gains(losses), errors=_errors(losses)
    )


def _gains(losses: pd.DataFrame) -> Grid:
    """Show a row per AOI, the best first, and a column per kind."""
    table = with_gain(losses)
    kinds = kinds_of(table)
    scores = table.drop_duplicates("aoi").set_index("aoi")["scot"].rename("SCOT")
    gains = table.pivot(index="aoi", columns="kind", values="gain")[kinds].round(DIGITS).rename(columns=label_of)
    ordered = scores.sort_values(ascending=False, kind="stable").to_frame().join(gains).reset_index()
    return grid(ordered, "What each AOI would gain without each kind of error")


def _errors(losses: pd.DataFrame) -> Grid:
    """Show a row per AOI and kind of which there are errors."""
    table = with_gain(losses)
    columns = {
        "aoi": "aoi", "kind": "kind", **COUNT_NAMES, "scot": "SCOT", "scot_without": "SCOT without", "gain": "gain",
    }  # fmt: skip
    made = table[table[COUNTS].any(axis=1)]
    return grid(
        made.assign(kind=made["kind"].map(label_of))[list(columns)].rename(columns=columns),
        "Errors of each AOI and kind",
    )
