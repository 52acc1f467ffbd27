"""Maps of the ``TRACKS`` of one AOI: by month of birth, bare or over an image, and by id through the months."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import shapely
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sn7ml.report.maps.drawing import png
from sn7ml.report.maps.overlays import overlay
from sn7ml.report.palette import BORN, GROUND, MAP_GROUND, OLD, RIM, STOOD, identity_colour

LIMIT_BYTES = 1_500_000
"""A page holds several maps: one that would be longer as JSON is shown as a picture only."""


def track_maps(tracks: pd.DataFrame) -> list[go.Figure | bytes]:
    """Return the maps that a page shows: by months, unless too large, and by birth. No rows give no maps."""
    if tracks.empty:
        return []
    figure = month_map(tracks)
    fits = len(figure.to_json()) <= LIMIT_BYTES
    return [figure, birth_map(tracks)] if fits else [birth_map(tracks)]


def birth_map(tracks: pd.DataFrame) -> bytes:
    """Draw every building once, coloured by the month it was born in, as a PNG.

    What stood there in the first month is grey. Of a building whose outline changes, the last one is drawn.
    """
    figure = Figure(figsize=(9.6, 7.2), dpi=110, facecolor=GROUND, layout="constrained")
    axes = figure.add_subplot()
    axes.set(aspect="equal", facecolor=MAP_GROUND, xlabel="column, px", ylabel="row, px")
    axes.invert_yaxis()
    last = _last_outlines(tracks).sort_values("id", kind="stable")
    # Grey for the first month of the AOI, then dark to bright.
    first = min([*tracks["time"], *tracks["birth_month"]], default="")
    born = sorted(set(tracks["birth_month"]) - {first})
    ramp = mpl.colormaps["plasma"](np.linspace(0.05, 0.92, max(len(born), 1)))
    handles = []
    for month, colour in zip([first, *born] if first else [], [OLD, *map(mpl.colors.to_hex, ramp)], strict=False):
        buildings = last.loc[last["birth_month"] == month, "geometry"]
        look: dict[str, Any] = {"facecolor": colour, "edgecolor": RIM, "linewidth": 0.3}
        axes.add_collection(PathCollection([_outline(shape) for shape in buildings if not shape.is_empty], **look))
        name = "from the start" if month == first else month
        handles.append(Patch(label=f"{name} ({len(buildings)})", **look))
    axes.autoscale_view()
    axes.legend(
        handles=handles, title="born in (buildings)", loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False,
        fontsize=8,
    )  # fmt: skip
    return png(figure)


def prediction_map(tracks: pd.DataFrame, pixels: NDArray[np.uint8], months: Sequence[str], shown: str) -> bytes:
    """Draw every building once over one image of its AOI, as a PNG.

    What stood there from the first month is white, what was born later has the colour of its month on the scale beside
    the map. Of a building whose outline changes, the last one is drawn. ``pixels`` are (4, rows, cols): red, green,
    blue, alpha; ``months`` are all months of the AOI, in order, and ``shown`` the one of the image.
    """
    last = _last_outlines(tracks)
    old = last["birth_month"] <= months[0]
    rows, cols = pixels.shape[1:]
    # The image is shown about 1,200 pixels high: the roof of a small house is two by two of 1,024.
    width_in, height_in = 9.0 * cols / max(rows, cols), 9.0 * rows / max(rows, cols)
    size_in = max(width_in, 3.0) + 1.4, max(height_in, 3.0) + 0.8
    figure = Figure(figsize=size_in, dpi=150, facecolor=GROUND, layout="compressed")
    axes = figure.add_subplot()
    # Grey, and darker by half, so that it does not outshine the buildings.
    dimmed = (overlay(pixels, (), (), zoom=1).mean(axis=2) * 0.5).round().astype(np.uint8)
    axes.imshow(dimmed, cmap="gray", vmin=0, vmax=255, extent=(0, cols, rows, 0), interpolation="nearest")
    axes.set(xlabel="column, px", ylabel="row, px", title=f"over the image of {shown}")
    # One colour for every month but the first, from magenta to yellow: all are bright on a dark image.
    later = max(len(months) - 1, 1)
    colours = ListedColormap(mpl.colormaps["plasma"](np.linspace(0.35, 1.0, later)))
    norm = BoundaryNorm(np.arange(later + 1) + 0.5, later)
    born = [colours(norm(months.index(month))) for month in last.loc[~old, "birth_month"]]
    for buildings, fill in ((last[old], STOOD), (last[~old], born)):
        outlines = [_outline(geometry) for geometry in buildings["geometry"]]
        axes.add_collection(PathCollection(outlines, facecolor=fill, edgecolor="none"))
    axes.set(xlim=(0, cols), ylim=(rows, 0))
    first = f"{'there ' if len(months) > 1 else ''}in {months[0]}: {int(old.sum()):,}"
    handles = [Patch(facecolor=STOOD, edgecolor=RIM, linewidth=0.5, label=first)]
    if len(months) > 1:
        handles.append(Patch(facecolor=colours(norm(len(months) // 2)), label=f"born later: {int((~old).sum()):,}"))
        steps = range(1, len(months), -(-len(months) // 13))  # at most 13 ticks
        bar = figure.colorbar(ScalarMappable(norm, colours), ax=axes, fraction=0.03, pad=0.015, label="born in")
        bar.set_ticks(list(steps), labels=[months[step] for step in steps])
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return png(figure)


def _last_outlines(tracks: pd.DataFrame) -> pd.DataFrame:
    """Return a row per building, that of its last month."""
    return tracks.sort_values("time", kind="stable").groupby("id", sort=True).tail(1)


def _outline(geometry: BaseGeometry) -> Outline:
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
    """
    months = sorted(set(tracks["time"]))
    ordered = tracks.sort_values(["time", "id"], kind="stable")
    ordered = ordered.assign(outline=shapely.to_wkb(ordered["geometry"].to_numpy(dtype=object)))
    # A row per building and outline, with the months (a tuple) in which it looks like that; in order of appearance.
    alike = ordered.groupby(["id", "birth_month", "outline"], sort=False)
    lasting = alike.agg(months=("time", tuple), geometry=("geometry", "first")).reset_index()
    lasting["colour"] = [identity_colour(str(building)) for building in lasting["id"]]
    # Few traces for many buildings: hundreds of traces would make a browser crawl.
    traces: list[tuple[go.Scatter, Any]] = []
    for (colour, when), buildings in lasting.groupby(["colour", "months"], sort=False):
        line = {"color": colour, "width": 1}
        traces.append((_outlines(buildings["geometry"], line, fill="toself", fillcolor=colour, showlegend=False), when))
    for when, buildings in lasting.groupby("months", sort=False):
        # Invisible points in the middle of buildings say who is under the mouse.
        centres = np.round(shapely.get_coordinates(shapely.centroid(buildings["geometry"].to_numpy(dtype=object))), 1)
        points = go.Scatter(
            x=centres[:, 0].tolist(), y=centres[:, 1].tolist(), text=[*map(html.escape, map(str, buildings["id"]))],
            customdata=[*map(html.escape, buildings["birth_month"])], mode="markers",
            marker={"opacity": 0, "size": 9, "color": OLD}, showlegend=False,
            hovertemplate="building %{text}<br>since %{customdata}<extra></extra>",
        )  # fmt: skip
        traces.append((points, when))
    for month in months[1:]:
        born = tracks[(tracks["birth_month"] == month) & (tracks["time"] == month)]
        if len(born):
            line = {"color": BORN, "width": 2.5}
            rims = _outlines(born["geometry"], line, name=f"born in {html.escape(month)}", showlegend=True)
            traces.append((rims, (month,)))
    return _with_slider(traces, months)


def _outlines(geometries: Iterable[BaseGeometry], line: dict[str, Any], **look: Any) -> go.Scatter:
    """Return the rings of all as one trace, a gap after each. A tenth of a pixel is finer than any outline is known."""
    x: list[float | None] = []
    y: list[float | None] = []
    for geometry in geometries:
        for ring in _rings(geometry):
            x += [*np.round(ring[:, 0].astype(float), 1).tolist(), None]
            y += [*np.round(ring[:, 1].astype(float), 1).tolist(), None]
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", **look)


def _with_slider(traces: list[tuple[go.Scatter, tuple[str, ...]]], months: list[str]) -> go.Figure:
    """Put traces in a figure whose slider shows, in each month, those that belong to it; the last month at first."""
    for trace, when in traces:
        trace.visible = months[-1] in when
    steps = [
        {"label": html.escape(month), "method": "restyle", "args": [{"visible": [month in when for _, when in traces]}]}
        for month in months
    ]
    return go.Figure([trace for trace, _ in traces]).update_layout(
        height=620, dragmode="pan", hovermode="closest", margin={"l": 48, "r": 12, "t": 36, "b": 12},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        sliders=[{"active": len(months) - 1, "steps": steps, "currentvalue": {"prefix": "month "}, "pad": {"t": 44}}],
        xaxis={"title": {"text": "column, px"}, "constrain": "domain"},
        yaxis={"title": {"text": "row, px"}, "autorange": "reversed", "scaleanchor": "x"},
    )  # fmt: skip
