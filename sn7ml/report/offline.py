"""What every page has in common: one file without a link to elsewhere, figures as JSON, pictures as data."""

import base64
from dataclasses import dataclass

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from plotly.offline import get_plotlyjs


@dataclass(frozen=True)
class Plot:
    """A figure on a page."""

    name: str
    """Its id in the page."""

    label: str
    """What it shows, for those who cannot see it."""

    height: int
    json: Markup


def plot(name: str, label: str, figure: go.Figure) -> Plot:
    """Prepare a figure, which must have a height, for the template's macro of the same name."""
    # plotly writes "<" as "\u003c", so no name in a figure can end the script element that carries it (tested).
    return Plot(name, label, int(figure.layout.height), Markup(figure.to_json()))


def data_uri(png: bytes) -> str:
    """Return a picture as the address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def render(template: str, **content: object) -> str:
    """Fill a template. Whatever is no Markup is escaped, except in Markdown; an unknown name raises."""
    environment = Environment(
        loader=PackageLoader("sn7ml.report"),
        autoescape=select_autoescape(disabled_extensions=["md.j2"], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["plotly_js"] = lambda: Markup(get_plotlyjs())
    return environment.get_template(template).render(content)
