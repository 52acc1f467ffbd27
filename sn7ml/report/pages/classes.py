"""What a report shows of class maps: answers without a model, classes, confusion, and panels of some images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sn7ml.metrics.score import Score
from sn7ml.report.maps.overlays import from_png, panels_of, to_png
from sn7ml.report.offline import data_uri
from sn7ml.report.pages.scenes import JOIN, answers_table
from sn7ml.report.tables import table

MEANINGS: Mapping[str, str] = {
    "image": "the image",
    "truth": "the true classes in their colours; black is unknown",
    "found": "the classes found, in their colours; black is unknown",
    "errors": "the image in grey, and in red the pixels that were taken for another class",
}
"""Heading of a panel to what it shows, for those who cannot see it."""

CONFUSION = "confusion"
"""Name of the picture, and of the table, of an evaluation."""


@dataclass(frozen=True)
class Classes:
    """What the section is made of."""

    scores: Sequence[Score]
    overall: Mapping[str, float | None]
    trivial: Mapping[str, Mapping[str, float | None]]

    by_class: pd.DataFrame
    """A row per class, of :func:`sn7ml.metrics.land_use.class_table`."""

    per_aoi: pd.DataFrame

    colours: Mapping[str, str]
    """Class to its colour."""

    confusion: bytes
    """The confusion matrix as PNG."""

    pictures: Sequence[tuple[Mapping[Any, Any], bytes]]
    """A row of :data:`sn7ml.report.pages.scenes.SHOWN`, and the panels side by side as PNG."""


def classes_section(classes: Classes) -> dict[str, Any]:
    """Prepare what the template of the report shows of class maps."""
    names = {"true_px": "true, px", "found_px": "found, px", "right_px": "right, px", "iou": "IoU"}
    return {
        "answers": answers_table(classes.scores, classes.overall, classes.trivial),
        "by_class": table(classes.by_class, "Scores by class, of the sums over all images", names=names),
        "confusion": data_uri(classes.confusion),
        "legend": list(classes.colours.items()),
        "pictures": [_shown(row, png, classes) for row, png in classes.pictures],
    }


def _shown(row: Mapping[Any, Any], png: bytes, classes: Classes) -> dict[str, Any]:
    heads = row["panels"].split(JOIN)
    panels = panels_of(from_png(png), len(heads))
    (scored,) = classes.per_aoi[classes.per_aoi["aoi"] == row["aoi"]].to_dict("records")
    values = ", ".join(f"{score.label} {scored[score.name]:.3f}" for score in classes.scores)
    alts = [f"{row['aoi']}: {MEANINGS[head]}" for head in heads]
    uris = [data_uri(to_png(panel)) for panel in panels]
    return {
        "aoi": row["aoi"],
        "rank": row["rank"],
        "panels": list(zip(heads, uris, alts, strict=True)),
        "caption": f"{values}.",
    }
