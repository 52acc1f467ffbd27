"""How a data folder is laid out: names of files, kinds of labels, and which AOIs belong together."""

from typing import assert_never

from sn7ml.params import DataParams
from sn7ml.scenes.layouts.colour import colour
from sn7ml.scenes.layouts.layout import Layout
from sn7ml.scenes.layouts.osm import osm
from sn7ml.scenes.layouts.pairs import PAIRS
from sn7ml.scenes.layouts.spacenet2 import SPACENET2
from sn7ml.scenes.layouts.spacenet7 import SPACENET7
from sn7ml.scenes.layouts.xyz import xyz

__all__ = ["Layout", "layout_of"]


def layout_of(params: DataParams) -> Layout:
    """Return the layout that section ``data`` of params.yaml describes."""
    match params.layout:
        case "spacenet7":
            return SPACENET7
        case "spacenet2":
            return SPACENET2
        case "xyz":
            return xyz(params.zoom)
        case "pairs":
            return PAIRS
        case "colour":
            return colour(params.classes, params.min_label_fraction)
        case "osm":
            return osm(params.classes, params.min_label_fraction)
        case _ as unknown:
            assert_never(unknown)
