"""What a report shows of single scenes: answers without a model, groups, areas, and panels of some scenes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sn7ml.metrics.scene_buildings import group_scores
from sn7ml.metrics.score import Score
from sn7ml.report.charts.scenes import area_points
from sn7ml.report.maps.overlays import from_png, panels_of, to_png
from sn7ml.report.maps.scene_panels import ScenePicture
from sn7ml.report.offline import Plot, data_uri, plot
from sn7ml.report.tables import Cell, Table, cell, table

SHOWN = ("aoi", "time", "rank", "panels")
"""Columns of the table of pictures: ``panels`` are their headings, joined by ``JOIN``."""

JOIN = " | "

MEANINGS: Mapping[str, str] = {
    "image": "the image",
    "truth": "the image with the outlines of true buildings",
    "found": "the image with the outlines of found buildings",
    "errors": "buildings found in white, found in error in orange, missed in cyan",
    "distance found": "the signed distance found, purple outside of buildings and orange inside",
    "true distance": "the true signed distance, in the same colours",
}
"""Heading of a panel to what it shows, for those who cannot see it."""


@dataclass(frozen=True)
class Scenes:
    """What the section is made of."""

    scores: Sequence[Score]
    overall: Mapping[str, float | None]
    trivial: Mapping[str, Mapping[str, float | None]]
    per_aoi: pd.DataFrame
    """Of ``sn7ml.metrics.scene_buildings``."""

    groups: Mapping[str, str]
    """AOI to its group."""

    pixel_m2: Mapping[str, float]
    """AOI to the ground area of a pixel of its masks."""

    pictures: Sequence[tuple[Mapping[Any, Any], bytes]]
    """A row of ``SHOWN``, and the panels side by side as PNG."""

    clip_m: float | None = None
    """Where the colours of signed distances end, metres; None where there are none."""


def picture_rows(pictures: Sequence[ScenePicture]) -> pd.DataFrame:
    """Return a row per picture, ``SHOWN``: what a page must know beside the picture itself."""
    rows = [(it.aoi, it.time, it.rank, JOIN.join(it.panels)) for it in pictures]
    return pd.DataFrame(rows, columns=list(SHOWN))


def file_of(aoi: str) -> str:
    """Return the name of an AOI's picture, without ending."""
    return f"scene_{aoi}"


def scenes_section(scenes: Scenes) -> dict[str, Any]:
    """Prepare what the template of the report shows of single scenes."""
    labels = {score.name: score.label for score in scenes.scores}
    areas = areas_m2(scenes.per_aoi, scenes.pixel_m2)
    by_group = group_scores(scenes.per_aoi.assign(**areas), scenes.groups)
    return {
        "answers": answers_table(scenes.scores, scenes.overall, scenes.trivial),
        "groups": table(
            by_group,
            "Scores by group of neighbours, of the sums over its AOIs",
            names=labels | {"true_m2": "built, m²", "found_m2": "found, m²", "aois": "AOIs"},
            cells=dict.fromkeys(("true_m2", "found_m2"), whole),
        ),
        "areas": _area_plot(scenes.per_aoi.assign(**areas)),
        "pictures": [_shown(row, png, scenes) for row, png in scenes.pictures],
        "clip_m": None if scenes.clip_m is None else f"{scenes.clip_m:g}",
    }


def areas_m2(per_aoi: pd.DataFrame, pixel_m2: Mapping[str, float]) -> dict[str, pd.Series]:
    """Return the true and the found built area of each AOI on the ground, counted by pixel: ``true_m2``, ``found_m2``.

    >>> per_aoi = pd.DataFrame({"aoi": ["a"], "true_px": [400], "found_px": [300]})
    >>> [float(area[0]) for area in areas_m2(per_aoi, {"a": 0.25}).values()]
    [100.0, 75.0]
    """
    side = per_aoi["aoi"].map(pixel_m2)
    return {f"{name}_m2": per_aoi[f"{name}_px"] * side for name in ("true", "found")}


def whole(area_m2: float) -> Cell:
    """Show an area to the square metre.

    >>> whole(12345.6).text
    '12,346'
    """
    return Cell(f"{area_m2:,.0f}", area_m2)


def answers_table(
    scores: Sequence[Score],
    overall: Mapping[str, float | None],
    trivial: Mapping[str, Mapping[str, float | None]],
) -> Table:
    """Put each score beside those of the answers that take no model."""
    answers = {"model": overall, **trivial}
    names = [score.name for score in scores if score.name in overall]
    labels = {score.name: score.label for score in scores}
    columns = {answer: [values.get(name) for name in names] for answer, values in answers.items()}
    better = ["higher" if score.higher_is_better else "lower" for score in scores if score.name in names]
    frame = pd.DataFrame({"score": [labels[name] for name in names], **columns, "better": better})
    return table(frame, "The scores beside those of answers that take no model")


def _area_plot(per_aoi: pd.DataFrame) -> Plot | None:
    if per_aoi.empty:
        return None
    return plot("areas", "Points: built area found against the true one, an AOI each", area_points(per_aoi))


def _shown(row: Mapping[Any, Any], png: bytes, scenes: Scenes) -> dict[str, Any]:
    heads = row["panels"].split(JOIN)
    panels = panels_of(from_png(png), len(heads))
    (scored,) = scenes.per_aoi[scenes.per_aoi["aoi"] == row["aoi"]].to_dict("records")
    alts = [f"{row['aoi']}: {MEANINGS.get(head, head)}" for head in heads]
    uris = [data_uri(to_png(panel)) for panel in panels]
    return {
        "aoi": row["aoi"],
        "rank": row["rank"],
        "panels": list(zip(heads, uris, alts, strict=True)),
        "caption": caption(scored, scenes.scores),
    }


def caption(scored: Mapping[Any, Any], scores: Sequence[Score]) -> str:
    """Say what one scene scores, and how many of its buildings were found.

    >>> row = {"aoi": "a", "f1": 0.8, "f1_tp": 4, "f1_fp": 1, "f1_fn": 1}
    >>> caption(row, [Score("f1", "F1", "footprints")])
    'F1 0.800. Of 5 buildings 4 were found; 1 more is none.'
    >>> caption({"aoi": "b", "f1": 0.0, "f1_tp": 0, "f1_fp": 0, "f1_fn": 0}, [Score("f1", "F1", "footprints")])
    'There is no building, and none was found.'
    """
    tp, fp, fn = (int(scored[f"f1_{kind}"]) for kind in ("tp", "fp", "fn"))
    if tp + fn == 0:
        false = f"{fp} {'was' if fp == 1 else 'were'} found" if fp else "none was found"
        return f"There is no building, {'but' if fp else 'and'} {false}."
    values = ", ".join(f"{score.label} {cell(scored[score.name]).text}" for score in scores if score.name in scored)
    more = f"; {fp} more {'is' if fp == 1 else 'are'} none" if fp else ""
    return (
        f"{values}. Of {tp + fn} building{'' if tp + fn == 1 else 's'} {tp} {'was' if tp == 1 else 'were'} found{more}."
    )
