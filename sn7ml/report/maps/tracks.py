"""Maps of the footprints of one AOI: by month of birth as a picture, by id through the months to play with."""

import html
from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import shapely
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.path import Path as Outline
from shapely.geometry.base import BaseGeometry

from sn7ml.report.maps.drawing import png
from sn7ml.report.palette import BORN, GROUND, MAP_GROUND, OLD, RIM, identity_colour

LIMIT_BYTES = 1_500_000
"""A page holds several maps: one that would be longer as JSON is shown as a picture only."""


def track_maps(tracks: pd.DataFrame) -> list[go.Figure | bytes]:
    """Return every map of one AOI that a page should show: the one by months, unless too large, then the picture.

    ``tracks`` are ``TRACKS`` of one AOI; no rows give no maps.
    """
    if tracks.empty:
        return []
    figure = month_map(tracks)
    fits = len(figure.to_json()) <= LIMIT_BYTES
    return [figure, birth_map(tracks)] if fits else [birth_map(tracks)]


def birth_map(tracks: pd.DataFrame) -> bytes:
    """Draw every building once, coloured by the month it was born in, as a PNG.

    What stood there in the first month is grey. Of a building whose outline changes, the last one is drawn.

    Parameters
    ----------
    tracks
        ``TRACKS`` of one AOI; no rows give an empty map.
    """
    figure = Figure(figsize=(9.6, 7.2), dpi=110, facecolor=GROUND, layout="constrained")
    axes = figure.add_subplot()
    axes.set(aspect="equal", facecolor=MAP_GROUND, xlabel="column, px", ylabel="row, px")
    axes.invert_yaxis()
    last = last_outlines(tracks).sort_values("id", kind="stable")
    # Grey for the first month of the AOI, then dark to bright.
    first = min([*tracks["time"], *tracks["birth_month"]], default="")
    born = sorted(set(tracks["birth_month"]) - {first})
    ramp = mpl.colormaps["plasma"](np.linspace(0.05, 0.92, max(len(born), 1)))
    colours = {month: mpl.colors.to_hex(ramp[place]) for place, month in enumerate(born)}
    colours = {first: OLD} | colours if len(tracks) else {}
    for month, buildings in last.groupby("birth_month", sort=True):
        outlines = [outline(geometry) for geometry in buildings["geometry"] if not geometry.is_empty]
        axes.add_collection(PathCollection(outlines, facecolor=colours[str(month)], edgecolor=RIM, linewidth=0.3))
    axes.autoscale_view()
    counts = last["birth_month"].value_counts()
    names = {month: f"{month} ({counts.get(month, 0)})" for month in colours}
    names |= {month: f"from the start ({counts.get(month, 0)})" for month in list(colours)[:1]}
    axes.legend(
        handles=[Patch(facecolor=colours[month], edgecolor=RIM, linewidth=0.3, label=names[month]) for month in colours],
        title="born in (buildings)", loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8,
    )  # fmt: skip
    return png(figure)


def last_outlines(tracks: pd.DataFrame) -> pd.DataFrame:
    """Return a row per building, that of its last month."""
    return tracks.sort_values("time", kind="stable").groupby("id", sort=True).tail(1)


def outline(geometry: BaseGeometry) -> Outline:
    """Return what matplotlib fills for a polygon, its holes left open."""
    return Outline.make_compound_path(*(Outline(ring, closed=True) for ring in _rings(geometry)))


def _rings(geometry: BaseGeometry) -> list[Any]:
    """Return closed rings of (x, y), holes the other way round than shells, so that a fill leaves them open."""
    polygons = [part for part in shapely.get_parts(shapely.orient_polygons(geometry)) if part.geom_type == "Polygon"]
    return [np.asarray(ring.coords) for part in polygons for ring in (part.exterior, *part.interiors)]


def month_map(tracks: pd.DataFrame) -> go.Figure:
    """Draw the buildings of each month, with a slider through the months.

    A building keeps its colour, which comes from its id alone, through all months. In the month it is born (the first
    month of the AOI left out) it has a red rim.

    Parameters
    ----------
    tracks
        ``TRACKS`` of one AOI; no rows give a figure without traces.
    """
    months = sorted(set(tracks["time"]))
    lasting = _lasting_outlines(tracks)
    # Few traces for many buildings: hundreds of traces would make a browser crawl.
    traces: list[tuple[go.Scatter, Any]] = []
    for (colour, when), alike in lasting.groupby(["colour", "months"], sort=False):
        line = {"color": colour, "width": 1}
        traces.append((_outlines(alike["geometry"], line, fill="toself", fillcolor=colour, showlegend=False), when))
    for when, buildings in lasting.groupby("months", sort=False):
        traces.append((_names(buildings), when))
    for month in months[1:]:
        born = tracks[(tracks["birth_month"] == month) & (tracks["time"] == month)]
        if len(born):
            line = {"color": BORN, "width": 2.5}
            rims = _outlines(born["geometry"], line, name=f"born in {html.escape(month)}", showlegend=True)
            traces.append((rims, (month,)))
    return _with_slider(traces, months)


def _lasting_outlines(tracks: pd.DataFrame) -> pd.DataFrame:
    """Return a row per building and outline: id, birth_month, months (a tuple), geometry, colour; in order of appearance."""
    ordered = tracks.sort_values(["time", "id"], kind="stable")
    ordered = ordered.assign(outline=shapely.to_wkb(ordered["geometry"].to_numpy(dtype=object)))
    groups = ordered.groupby(["id", "birth_month", "outline"], sort=False)
    lasting = groups.agg(months=("time", tuple), geometry=("geometry", "first")).reset_index()
    return lasting.assign(colour=[identity_colour(str(building)) for building in lasting["id"]])


def _outlines(geometries: Iterable[BaseGeometry], line: dict[str, Any], **look: Any) -> go.Scatter:
    """Return the rings of all as one trace, a gap after each. A tenth of a pixel is finer than any outline is known."""
    x: list[float | None] = []
    y: list[float | None] = []
    for geometry in geometries:
        for ring in _rings(geometry):
            x += [*np.round(ring[:, 0].astype(float), 1).tolist(), None]
            y += [*np.round(ring[:, 1].astype(float), 1).tolist(), None]
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", **look)


def _names(buildings: pd.DataFrame) -> go.Scatter:
    """Invisible points in the middle of buildings, which say who is under the mouse."""
    centres = np.round(shapely.get_coordinates(shapely.centroid(buildings["geometry"].to_numpy(dtype=object))), 1)
    return go.Scatter(
        x=centres[:, 0].tolist(), y=centres[:, 1].tolist(),
        text=[html.escape(str(building)) for building in buildings["id"]],
        customdata=[html.escape(birth) for birth in buildings["birth_month"]],
        mode="markers", marker={"opacity": 0, "size": 9, "color": OLD}, showlegend=False,
        hovertemplate="building %{text}<br>since %{customdata}<extra></extra>",
    )  # fmt: skip


def _with_slider(traces: list[tuple[go.Scatter, tuple[str, ...]]], months: list[str]) -> go.Figure:
    """Put traces in a figure whose slider shows, in each month, those that belong to it; the last month at first."""
    for trace, when in traces:
        trace.visible = months[-1] in when
    steps = [
        {"label": html.escape(month), "method": "restyle", "args": [{"visible": [month in when for _, when in traces]}]}
        for month in months
    ]
    figure = go.Figure([trace for trace, _ in traces])
    figure.update_layout(
        height=620, dragmode="pan", hovermode="closest", margin={"l": 48, "r": 12, "t": 36, "b": 12},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        sliders=[{"active": len(months) - 1, "steps": steps, "currentvalue": {"prefix": "month "}, "pad": {"t": 44}}],
        xaxis={"title": {"text": "column, px"}, "constrain": "domain"},
        yaxis={"title": {"text": "row, px"}, "autorange": "reversed", "scaleanchor": "x"},
    )  # fmt: skip
    return figure
