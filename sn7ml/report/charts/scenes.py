"""Charts of single scenes, as plotly figures."""

import html

import pandas as pd
import plotly.graph_objects as go

from sn7ml.report.charts.scores import dressed
from sn7ml.report.palette import FOUND, SERIES


def area_points(per_aoi: pd.DataFrame) -> go.Figure:
    """Draw the built area found (``found_m2``) against the true one (``true_m2``) of each ``aoi``, m².

    On the dashed line both are the same; above it too much was found.
    """
    most = float(per_aoi[["true_m2", "found_m2"]].max().max())
    end = 1.05 * most if most > 0 else 1.0
    figure = go.Figure()
    figure.add_scatter(
        x=[0.0, end], y=[0.0, end], mode="lines", name="the same area", hoverinfo="skip",
        line={"color": SERIES[4], "dash": "dash", "width": 2},
    )  # fmt: skip
    figure.add_scatter(
        x=per_aoi["true_m2"].to_numpy(float), y=per_aoi["found_m2"].to_numpy(float), mode="markers", name="AOI",
        marker={"color": FOUND, "size": 9}, text=[html.escape(aoi) for aoi in per_aoi["aoi"]],
        hovertemplate="%{text}: %{y:,.0f} m² found, %{x:,.0f} m² true<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="built, m²", range=[0, end], tickformat="~s")
    figure.update_yaxes(title_text="found, m²", range=[0, end], tickformat="~s")
    return dressed(figure, 380)
