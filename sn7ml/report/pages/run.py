"""One HTML page about a model: opens offline, prints, and is the same file for the same content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from sn7ml.metrics.score import Score, best_trivial
from sn7ml.report.charts import scores as charts
from sn7ml.report.offline import data_uri, plot, render
from sn7ml.report.pages.classes import Classes, classes_section
from sn7ml.report.pages.diagnosis import explains, lost
from sn7ml.report.pages.scenes import Scenes, scenes_section
from sn7ml.report.tables import Table, beside, cell, table


@dataclass(frozen=True)
class PageContent:
    """All that a page shows, as plain data. Any part may be empty; its section then says so."""

    scores: Sequence[Score]
    """Of the task, in order; the first one ranks."""

    overall: Mapping[str, float | None]
    """Scores and other numbers over everything, by name; NaN or None where undefined."""

    per_aoi: pd.DataFrame
    """A row per AOI: aoi, then scores and the counts behind them, in any order."""

    losses: pd.DataFrame
    """This and the next two are those of ``sn7ml.report.diagnosis``; empty where the task has no such diagnosis."""

    births: pd.DataFrame
    sizes: pd.DataFrame

    history: pd.DataFrame
    """A row per network and epoch: network, epoch, train_loss, val_loss, val_score, lr, and pixel scores as val_…"""

    trials: pd.DataFrame | None
    """A row per trial: number, value (of the objective, NaN if none), state, then what was chosen. None: no search."""

    validation: Mapping[str, Any]
    """One ``validation.json``, or several as one: ok, summaries (a line each), results (mappings of suite, column,
    severity, success, why, n_unexpected and offenders). Empty if nothing was checked."""

    promotion: Mapping[str, Any]
    """``promotion.json``: promoted, reasons (lines), challenger and champion (a mapping each, nested or not, with the
    scores of each AOI under ``aois``; the champion is None where there was none). Empty if nothing was decided."""

    overlays: Sequence[tuple[str, str, bytes]]
    """(aoi, month, PNG of image | truth | prediction), in the order they are shown."""

    maps: Sequence[tuple[str, bytes | go.Figure]]
    """(aoi, map), a PNG or a figure; an AOI may have several."""

    counts: pd.DataFrame
    """aoi, time, truth, found: buildings in the columns that are scored; NaN where not known."""

    objective: str
    """What ``value`` of the trials is, as people read it."""

    search_figures: Mapping[str, tuple[str, go.Figure]]
    """Name to caption and figure of the search (``sn7ml.search.study_figures``), beside the chart of trials."""

    extent: pd.DataFrame
    """What was used for what: ``TileStore.extent``."""

    digest: str
    """Names the tile store; empty if there is none."""

    params: Mapping[str, Any]
    """Resolved params under dotted keys (:func:`sn7ml.params.flatten`)."""

    trivial: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Answer that takes no model ("nothing found") to its scores by name, to hold the model's against."""

    scenes: Scenes | None = None
    """What is shown of single scenes; None where images of one place through time are shown."""

    classes: Classes | None = None
    """What is shown of class maps; None where buildings are found."""

    objective_rises: bool = True
    """Whether a higher ``value`` of the trials is better."""

    figures: Sequence[tuple[str, go.Figure]] = ()
    """(caption, figure) of further plots, in the order they are shown."""

    title: str = "sn7ml report"
    task: str = ""
    """What the task is, above the headline."""


def render_page(content: PageContent) -> str:
    """Return the page as HTML text, the same for the same content. Whatever came from outside is escaped."""
    labels = {score.name: score.label for score in content.scores}
    per_aoi, trials, diagnosed = content.per_aoi, content.trials, explains(content.scores)
    first = [name for name in ("aoi", *labels) if name in per_aoi.columns]
    ordered = per_aoi[[*first, *per_aoi.columns.difference(first, sort=False)]]
    drawn = charts.training_charts(content.history) if len(content.history) else {}
    search = None
    if trials is not None and len(trials):
        best_first = trials.sort_values(
            "value", ascending=not content.objective_rises, kind="stable", na_position="last"
        )
        points = charts.search_trials(trials, content.objective, content.objective_rises)
        figures = content.search_figures.items()
        search = {
            "chart": plot("search-trials", "Points: objective of every trial", points),
            "table": table(best_first, "Every trial, the best first"),
            "figures": [(caption, plot(f"search-{name}", caption, figure)) for name, (caption, figure) in figures],
        }
    params: dict[str, list[tuple[str, str]]] = {}
    for key, value in content.params.items():
        section, _, name = key.partition(".")
        params.setdefault(section, []).append((name or section, str(value)))
    return render(
        "report.html.j2",
        title=content.title,
        task=content.task,
        cards=_cards(content),
        rising=all(score.higher_is_better for score in content.scores),
        diagnosed=diagnosed,
        losses=lost(content.losses, content.births, content.sizes) if diagnosed else None,
        promotion=content.promotion,
        models=_models(content.promotion, content.scores),
        per_aoi=table(ordered, "Scores of every AOI and the counts behind them", names=labels),
        bars=plot("aoi-bars", "Bars: scores by AOI", charts.aoi_bars(per_aoi, content.scores))
        if len(per_aoi)
        else None,
        curves=[plot(f"curve-{name}", f"Curves: {said} by epoch", chart) for name, (said, chart) in drawn.items()],
        history=table(content.history, "Every epoch of the final training"),
        search=search,
        extent=table(
            content.extent,
            "What was used for what",
            names={"labelled months": "labelled images"} if content.scenes or content.classes else {},
        ),
        digest=content.digest,
        validation=content.validation,
        aois=_aoi_sections(content),
        scenes=None if content.scenes is None else scenes_section(content.scenes),
        classes=None if content.classes is None else classes_section(content.classes),
        figures=[
            (caption, plot(f"figure-{place}", caption, figure))
            for place, (caption, figure) in enumerate(content.figures)
        ],
        params=params,
    )


def _cards(content: PageContent) -> list[dict[str, str]]:
    """Return the scores of the task in their order, then other numbers; "trivial" is the best without a model."""
    known = {score.name: score for score in content.scores if score.name in content.overall}
    cards = []
    for name in dict.fromkeys([*known, *content.overall]):
        card = {
            "label": name.replace("_", " "),
            "value": cell(content.overall[name]).text,
            "meaning": "",
            "trivial": "",
        }
        if name in known:
            score, trivial = known[name], best_trivial(known[name], content.trivial)
            card |= {"label": score.label, "meaning": f"{score.meaning[:1].upper()}{score.meaning[1:]}."}
            card["trivial"] = f"{trivial[0]}: {cell(trivial[1]).text}" if trivial else ""
        cards.append(card)
    return cards


def _models(promotion: Mapping[str, Any], scores: Sequence[Score]) -> dict[str, Table | None]:
    """Put challenger and champion beside each other, overall and, where both have scores by AOI, AOI by AOI."""
    models = {side: promotion[side] for side in ("challenger", "champion") if promotion.get(side) is not None}
    first, by_aoi = scores[0], dict[str, Any]()
    for side, model in models.items():
        if isinstance(model, Mapping):
            models[side] = {key: value for key, value in model.items() if key != "aois"}
            by_aoi[side] = model.get("aois")
    overall = beside(models, "Challenger and champion on the same data", {it.name: it.label for it in scores})
    if len(by_aoi) < 2 or not all(by_aoi.values()):
        return {"overall": overall, "by_aoi": None}
    champion, challenger = (
        pd.Series({aoi: values[first.name] for aoi, values in by_aoi[side].items()}, name=side)
        for side in ("champion", "challenger")
    )
    both = pd.concat([champion, challenger], axis=1, join="inner").rename_axis("aoi").reset_index()
    both = both.assign(difference=both["challenger"] - both["champion"])
    both = both.sort_values("difference", ascending=first.higher_is_better, kind="stable")
    return {"overall": overall, "by_aoi": table(both, f"{first.label} of both by AOI, the least gain first")}


def _aoi_sections(content: PageContent) -> list[dict[str, Any]]:
    """Return AOIs with pictures first, in the order given; then those of which only counts are known."""
    aois: list[str] = [aoi for aoi, *_ in content.overlays] + [aoi for aoi, _ in content.maps]
    aois += content.counts["aoi"].tolist()
    sections = []
    for place, aoi in enumerate(dict.fromkeys(aois)):
        counts = content.counts[content.counts["aoi"] == aoi]
        label = f"Lines: true and found buildings of {aoi} by month"
        maps = [shown for name, shown in content.maps if name == aoi]
        moving = enumerate(shown for shown in maps if not isinstance(shown, bytes))
        sections.append({
            "aoi": aoi,
            "counts": plot(f"counts-{place}", label, charts.building_counts(counts)) if len(counts) else None,
            "plots": [plot(f"map-{place}-{n}", f"Map: footprints of {aoi} by month", shown) for n, shown in moving],
            "maps": [data_uri(shown) for shown in maps if isinstance(shown, bytes)],
            "overlays": [(month, data_uri(png)) for name, month, png in content.overlays if name == aoi],
        })  # fmt: skip
    return sections
