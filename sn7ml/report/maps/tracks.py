"""Maps of the footprints of one AOI: by month of birth as a picture, by id through the months to play with."""

import html
from collections import defaultdict
from collections.abc import Iterable, Sequence
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

Corners = list[float | None]


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
    last = tracks.sort_values("time", kind="stable").groupby("id", sort=True).tail(1).sort_values("id", kind="stable")
    colours = _birth_colours(tracks)
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


def _birth_colours(tracks: pd.DataFrame) -> dict[str, str]:
    """Month of birth to colour, in order: grey for the first month of the AOI, then dark to bright."""
    if tracks.empty:
        return {}
    first = min(tracks["time"].min(), tracks["birth_month"].min())
    born = sorted(set(tracks["birth_month"]) - {first})
    ramp = mpl.colormaps["plasma"](np.linspace(0.05, 0.92, max(len(born), 1)))
    return {first: OLD} | {month: mpl.colors.to_hex(ramp[place]) for place, month in enumerate(born)}


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
    standing = _runs(tracks)
    traces: list[go.Scatter] = []
    shown: list[frozenset[str]] = []
    for (colour, when), corners in _merged(standing).items():
        traces.append(_fill(colour, corners))
        shown.append(frozenset(when))
    for when, buildings in _by_months(standing).items():
        traces.append(_names(buildings))
        shown.append(frozenset(when))
    for month in months[1:]:
        born = tracks[(tracks["birth_month"] == month) & (tracks["time"] == month)]
        if len(born):
            traces.append(_rims(month, born["geometry"]))
            shown.append(frozenset([month]))
    return _with_slider(traces, shown, months)


def _runs(tracks: pd.DataFrame) -> dict[tuple[str, str, bytes], list[str]]:
    """(id, month of birth, outline) to the months it stands in: an outline that lasts is stored once."""
    standing: dict[tuple[str, str, bytes], list[str]] = defaultdict(list)
    ordered = tracks.sort_values(["time", "id"], kind="stable")
    for building, birth, month, geometry in ordered[["id", "birth_month", "time", "geometry"]].itertuples(index=False):
        standing[str(building), birth, shapely.to_wkb(geometry)].append(month)
    return standing


def _merged(
    standing: dict[tuple[str, str, bytes], list[str]],
) -> dict[tuple[str, tuple[str, ...]], tuple[Corners, Corners]]:
    """(colour, months) to the corners of all such buildings: hundreds of traces would make a browser crawl."""
    merged: dict[tuple[str, tuple[str, ...]], tuple[Corners, Corners]] = {}
    for (building, _, outline), months in standing.items():
        x, y = merged.setdefault((identity_colour(building), tuple(months)), ([], []))
        _append(x, y, shapely.from_wkb(outline))
    return merged


def _append(x: Corners, y: Corners, geometry: BaseGeometry) -> None:
    """Add the rings of one building, with a gap after each. A tenth of a pixel is finer than any outline is known."""
    for ring in _rings(geometry):
        x.extend([*(round(float(value), 1) for value in ring[:, 0]), None])
        y.extend([*(round(float(value), 1) for value in ring[:, 1]), None])


def _by_months(
    standing: dict[tuple[str, str, bytes], list[str]],
) -> dict[tuple[str, ...], list[tuple[str, str, BaseGeometry]]]:
    groups: dict[tuple[str, ...], list[tuple[str, str, BaseGeometry]]] = defaultdict(list)
    for (building, birth, outline), months in standing.items():
        groups[tuple(months)].append((building, birth, shapely.from_wkb(outline)))
    return groups


def _fill(colour: str, corners: tuple[Corners, Corners]) -> go.Scatter:
    x, y = corners
    return go.Scatter(
        x=x, y=y, mode="lines", fill="toself", fillcolor=colour, line={"color": colour, "width": 1},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def _names(buildings: Sequence[tuple[str, str, BaseGeometry]]) -> go.Scatter:
    """Invisible points in the middle of buildings, which say who is under the mouse."""
    centres = [geometry.centroid for _, _, geometry in buildings]
    return go.Scatter(
        x=[round(point.x, 1) for point in centres], y=[round(point.y, 1) for point in centres],
        text=[html.escape(building) for building, _, _ in buildings],
        customdata=[html.escape(birth) for _, birth, _ in buildings],
        mode="markers", marker={"opacity": 0, "size": 9, "color": OLD}, showlegend=False,
        hovertemplate="building %{text}<br>since %{customdata}<extra></extra>",
    )  # fmt: skip


def _rims(month: str, geometries: Iterable[BaseGeometry]) -> go.Scatter:
    x: Corners = []
    y: Corners = []
    for geometry in geometries:
        _append(x, y, geometry)
    line = {"color": BORN, "width": 2.5}
    return go.Scatter(
        x=x, y=y, mode="lines", line=line, name=f"born in {html.escape(month)}", hoverinfo="skip", showlegend=True
    )


def _with_slider(traces: list[go.Scatter], shown: list[frozenset[str]], months: list[str]) -> go.Figure:
    """Put traces in a figure whose slider shows, in each month, those that belong to it; the last month at first."""
    for trace, when in zip(traces, shown, strict=True):
        trace.visible = months[-1] in when
    steps = [
        {"label": html.escape(month), "method": "restyle", "args": [{"visible": [month in when for when in shown]}]}
        for month in months
    ]
    figure = go.Figure(traces)
    figure.update_layout(
        height=620, dragmode="pan", hovermode="closest", margin={"l": 48, "r": 12, "t": 36, "b": 12},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        sliders=[{"active": len(months) - 1, "steps": steps, "currentvalue": {"prefix": "month "}, "pad": {"t": 44}}],
        xaxis={"title": {"text": "column, px"}, "constrain": "domain"},
        yaxis={"title": {"text": "row, px"}, "autorange": "reversed", "scaleanchor": "x"},
    )  # fmt: skip
    return figure
