"""How a data folder is laid out: names of files, kinds of labels, and which AOIs belong together."""

from typing import assert_never

from sn7ml.params import LayoutName
from sn7ml.scenes.layouts.layout import Layout
from sn7ml.scenes.layouts.spacenet7 import SPACENET7

__all__ = ["Layout", "layout_of"]


def layout_of(name: LayoutName) -> Layout:
    """Return the layout that ``data.layout`` of params.yaml names."""
    match name:
        case "spacenet7":
            return SPACENET7
        case _ as unknown:
            assert_never(unknown)
