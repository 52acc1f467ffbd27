"""One HTML page about a model: opens offline, prints, and is the same file for the same content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from sn7ml.core.runtime.files import write_text
from sn7ml.metrics.score import Score, best_trivial
from sn7ml.report.charts import scores as charts
from sn7ml.report.offline import Plot, data_uri, plot, render
from sn7ml.report.pages.diagnosis import explains, lost
from sn7ml.report.tables import Table, beside, cell, table

REPRODUCE: Sequence[tuple[str, str]] = (
    ("make repro", "set up, then run every stage that is out of date; ends with this page"),
    (". .venv/bin/activate && dvc repro", "only the stages whose code, data or params changed"),
    ("dvc metrics diff", "scores here against those of the last commit"),
    ("make ui", "every run and trial in MLflow, with its params, curves and pictures"),
)
"""Command to what it does."""


@dataclass(frozen=True)
class ScoreCard:
    """A score over everything, as it is shown."""

    label: str
    value: str
    meaning: str
    trivial: str
    """What the best answer without a model reaches; empty where that is not known."""


@dataclass(frozen=True)
class AoiSection:
    """Everything the page shows of one AOI."""

    aoi: str
    counts: Plot | None
    plots: Sequence[Plot]
    maps: Sequence[str]
    """Data URIs of static maps."""
    overlays: Sequence[tuple[str, str]]
    """(month, data URI)."""


@dataclass(frozen=True)
class PageContent:
    """All that a page shows, as plain data. Any part may be empty; its section then says so."""

    scores: Sequence[Score]
    """Of the task, in the order they are shown; the first one ranks."""

    overall: Mapping[str, float | None]
    """Name of a score, or of another number, to its value over everything; NaN or None where undefined."""

    per_aoi: pd.DataFrame
    """A row per AOI: aoi, then scores and the counts behind them, in any order."""

    losses: pd.DataFrame
    """This table and the next two are those of ``sn7ml.report.diagnosis``; empty where the task has no such diagnosis."""

    births: pd.DataFrame
    sizes: pd.DataFrame

    history: pd.DataFrame
    """A row per network and epoch of the final training: network, epoch, train_loss, val_loss, val_score, lr, and pixel
    scores as val_…"""

    trials: pd.DataFrame | None
    """A row per trial: number, value (of the objective, NaN if none), state, then what was chosen. None: no search."""

    validation: Mapping[str, Any]
    """One ``validation.json``, or several as one: {"ok": bool, "summaries": [a line each], "results": [{suite, column, severity,
    success, why, n_unexpected, offenders (mappings)}]}; empty if nothing was checked."""

    promotion: Mapping[str, Any]
    """``promotion.json``: promoted (bool), reasons (lines of text), challenger and champion (a mapping each, of scores
    and what else names the model, nested or not, and under ``aois`` the scores of each AOI; champion None where there was
    none). Empty: not decided."""

    overlays: Sequence[tuple[str, str, bytes]]
    """(aoi, month, PNG of image | truth | prediction), in the order they are shown."""

    maps: Sequence[tuple[str, bytes | go.Figure]]
    """(aoi, map): a PNG or a figure; an AOI may have several (:func:`sn7ml.report.maps.tracks.track_maps`)."""

    counts: pd.DataFrame
    """aoi, time, truth, found: buildings in the columns that are scored; NaN where not known."""

    objective: str
    """What ``value`` of the trials is, as people read it; higher is better."""

    search_figures: Mapping[str, tuple[str, go.Figure]]
    """Name to caption and figure of the search: ``sn7ml.search.study_figures``. Without them, the trials are drawn alone."""

    extent: pd.DataFrame
    """What was used for what: ``TileStore.extent``."""

    digest: str
    """Names the tile store; empty if there is none."""

    params: Mapping[str, Any]
    """Resolved params under dotted keys (:func:`sn7ml.params.flatten`)."""

    trivial: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Answer that takes no model ("nothing found") to its scores by name, which are shown beside the model's."""

    title: str = "sn7ml report"
    """Headline, and name of the browser's tab."""

    task: str = ""
    """What the task is, above the headline."""


def write_page(path: Path, content: PageContent) -> None:
    """Write the page; parent folders are made. The same content gives the same bytes."""
    write_text(path, render_page(content))


def render_page(content: PageContent) -> str:
    """Return the page as HTML text. Whatever came from outside is escaped."""
    labels = {score.name: score.label for score in content.scores}
    per_aoi = content.per_aoi
    first = [name for name in ("aoi", *labels) if name in per_aoi.columns]
    bars = plot("aoi-bars", "Bars: scores by AOI", charts.aoi_bars(per_aoi, content.scores)) if len(per_aoi) else None
    drawn = charts.training_charts(content.history) if len(content.history) else {}
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
        diagnosed=explains(content.scores),
        losses=lost(content.losses, content.births, content.sizes) if explains(content.scores) else None,
        promotion=content.promotion,
        models=_models(content.promotion, content.scores),
        per_aoi=table(
            per_aoi[[*first, *per_aoi.columns.difference(first, sort=False)]],
            "Scores of every AOI and the counts behind them",
            names=labels,
        ),
        bars=bars,
        curves=[plot(f"curve-{name}", f"Curves: {said} by epoch", chart) for name, (said, chart) in drawn.items()],
        history=table(content.history, "Every epoch of the final training"),
        search=_search(content.trials, content) if content.trials is not None and len(content.trials) else None,
        extent=table(content.extent, "What was used for what") if len(content.extent) else None,
        digest=content.digest,
        validation=content.validation,
        aois=_aoi_sections(content),
        params=params,
        reproduce=REPRODUCE,
    )


def _cards(content: PageContent) -> list[ScoreCard]:
    """Return the scores of the task in their order, then other numbers, those that there are."""
    known = {score.name: score for score in content.scores if score.name in content.overall}
    cards = []
    for name in (*known, *(name for name in content.overall if name not in known)):
        score, value = known.get(name), cell(content.overall[name]).text
        found = best_trivial(score, content.trivial) if score else None
        cards.append(
            ScoreCard(
                score.label if score else name.replace("_", " "),
                value,
                f"{score.meaning[:1].upper()}{score.meaning[1:]}." if score else "",
                f"{found[0]}: {cell(found[1]).text}" if found else "",
            )
        )
    return cards


def _models(promotion: Mapping[str, Any], scores: Sequence[Score]) -> dict[str, Table | None]:
    """Put challenger and champion beside each other, overall and, where both have scores by AOI, AOI by AOI."""
    models = {
        side: dict(content) if isinstance(content, Mapping) else {"model": content}
        for side in ("challenger", "champion")
        if (content := promotion.get(side)) is not None
    }
    aois = [model.pop("aois", None) or {} for model in models.values()]
    labels, first = {score.name: score.label for score in scores}, scores[0]
    shown = beside(models, "Challenger and champion on the same data", labels) if models else None
    if len(aois) < 2 or not all(aois):
        return {"overall": shown, "by_aoi": None}
    challenger, champion = (
        pd.Series({aoi: values[first.name] for aoi, values in theirs.items()}, name=side)
        for side, theirs in zip(models, aois, strict=True)
    )
    both = pd.concat([champion, challenger], axis=1, join="inner").rename_axis("aoi").reset_index()
    both = both.assign(difference=both["challenger"] - both["champion"])
    both = both.sort_values("difference", ascending=first.higher_is_better, kind="stable")
    return {"overall": shown, "by_aoi": table(both, f"{first.label} of both by AOI, the least gain first")}


def _search(trials: pd.DataFrame, content: PageContent) -> dict[str, Any]:
    """Show every trial and, where there are any, the figures of the search."""
    best_first = trials.sort_values("value", ascending=False, kind="stable", na_position="last")
    drawn = charts.search_trials(trials, content.objective)
    figures = content.search_figures.items()
    return {
        "chart": plot("search-trials", "Points: objective of every trial", drawn),
        "table": table(best_first, "Every trial, the best first"),
        "figures": [(caption, plot(f"search-{name}", caption, figure)) for name, (caption, figure) in figures],
    }


def _aoi_sections(content: PageContent) -> list[AoiSection]:
    """AOIs with pictures first, in the order given; then those of which only counts are known."""
    aois = [aoi for aoi, _, _ in content.overlays] + [aoi for aoi, _ in content.maps] + content.counts["aoi"].tolist()
    sections = []
    for place, aoi in enumerate(dict.fromkeys(aois)):
        counts = content.counts[content.counts["aoi"] == aoi]
        label = f"Lines: true and found buildings of {aoi} by month"
        maps = [shown for name, shown in content.maps if name == aoi]
        moving = [shown for shown in maps if not isinstance(shown, bytes)]
        sections.append(
            AoiSection(
                aoi=aoi,
                counts=plot(f"counts-{place}", label, charts.building_counts(counts)) if len(counts) else None,
                plots=[
                    plot(f"map-{place}-{n}", f"Map: footprints of {aoi} by month", shown)
                    for n, shown in enumerate(moving)
                ],
                maps=[data_uri(shown) for shown in maps if isinstance(shown, bytes)],
                overlays=[(month, data_uri(png)) for name, month, png in content.overlays if name == aoi],
            )
        )
    return sections
