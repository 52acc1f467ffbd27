"""One HTML page about a model: opens offline, prints, and is the same file for the same content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from sn7ml.core.runtime.files import write_text
from sn7ml.report.charts import scores as figures
from sn7ml.report.offline import Plot, data_uri, plot, render
from sn7ml.report.pages.diagnosis import lost
from sn7ml.report.tables import Grid, beside, cell, decimal, flattened, grid

MEANINGS: Mapping[str, str] = {
    "scot": "The challenge's score: tracking T and change C together, 5CT / (4C + T), as the mean over AOIs. "
    "On the hidden test areas of the challenge the winner of 2020 reached 0.41, the baseline 0.17; on other data, synthetic data "
    "above all, scores are not comparable.",
    "tracking": "Buildings found that keep their id from month to month (F1; a changed id counts against it).",
    "change": "New buildings reported in the very month they appear (F1).",
    "f1": "Footprints that meet a true one with IoU above 0.25, one to one: precision and recall in one number.",
    "f1_50": "The same at IoU above 0.5: outlines that truly fit.",
    "iou": "Pixels: what truth and prediction share, out of all that either calls building.",
    "pixel_f1": "Pixels: precision and recall in one number.",
}
"""Score to what it says, one line each."""

REPRODUCE: Sequence[tuple[str, str]] = (
    ("make repro", "set up, then run every stage that is out of date; ends with this page"),
    (". .venv/bin/activate && dvc repro", "only the stages whose code, data or params changed"),
    ("dvc metrics diff", "scores here against those of the last commit"),
    ("make ui", "every run and trial in MLflow, with its params, curves and pictures"),
)
"""Command to what it does."""

OFFENDERS = 5
"""Offenders shown of each expectation; the rest are counted."""


@dataclass(frozen=True)
class PageContent:
    """All that a page shows, as plain data. Any part may be empty; its section then says so."""

    scores: Mapping[str, float | None]
    """Overall scores: keys of :data:`MEANINGS` (others are shown without a meaning); NaN or None where undefined."""

    per_aoi: pd.DataFrame
    """A row per AOI: aoi, then scores and the counts behind them, in any order."""

    losses: pd.DataFrame
    """A row per AOI and kind of error: ``Diagnosis.losses`` of ``sn7ml.metrics.diagnosis``."""

    births: pd.DataFrame
    """``Diagnosis.births``."""

    sizes: pd.DataFrame
    """Footprints by AOI and size class: ``FootprintMatches.by_size`` of ``sn7ml.metrics.footprints``."""

    history: pd.DataFrame
    """A row per network and epoch of the final training: network, epoch, train_loss, val_loss, val_score, lr and others."""

    trials: pd.DataFrame | None
    """A row per trial: number, value (of the objective, NaN if none), state, then what was chosen. None: no search."""

    validation: Mapping[str, Any]
    """One ``validation.json``, or several as one: {"ok": bool, "summaries": [a line each], "results": [{suite, column, severity,
    success, why, n_unexpected, offenders}]}."""

    promotion: Mapping[str, Any]
    """``promotion.json``: promoted (bool), reasons (lines of text), challenger and champion (a mapping each, of scores
    and what else names the model, nested or not, and under ``aois`` the scores of each AOI; champion None where there was
    none). Empty: not decided."""

    overlays: Sequence[tuple[str, str, bytes]]
    """(aoi, month, PNG of image | truth | prediction), in the order they are shown."""

    maps: Sequence[tuple[str, bytes | go.Figure]]
    """(aoi, map): a PNG or a figure; an AOI may have several (:func:`sn7ml.report.maps.tracks.track_maps`)."""

    counts: pd.DataFrame
    """aoi, month, truth, found: buildings in the columns that are scored; NaN where not known."""

    search_figures: Mapping[str, tuple[str, go.Figure]]
    """Name to caption and figure of the search: ``sn7ml.search.study_figures``. Without them, the trials are drawn alone."""

    extent: pd.DataFrame
    """What was used for what: ``TileStore.extent``."""

    digest: str
    """Names the tile store; empty if there is none."""

    params: Mapping[str, Any]
    """Resolved params under dotted keys (:func:`sn7ml.params.flatten`)."""

    title: str = "sn7ml report"
    """Headline, and name of the browser's tab."""


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


def write_page(path: Path, content: PageContent) -> None:
    """Write the page; parent folders are made. The same content gives the same bytes."""
    write_text(path, render_page(content))


def render_page(content: PageContent) -> str:
    """Return the page as HTML text. Whatever came from outside is escaped."""
    return render(
        "report.html.j2",
        title=content.title,
        headlines=[_headline(name, value) for name, value in content.scores.items()],
        losses=lost(content.losses, content.births, content.sizes),
        verdict=_verdict(content.promotion),
        per_aoi=_scores_first(content.per_aoi),
        bars=plot("aoi-bars", "Bars: scores by AOI", figures.aoi_bars(content.per_aoi))
        if len(content.per_aoi)
        else None,
        curves=_curves(content.history),
        history=grid(content.history, "Every epoch of the final training"),
        search=_search(content.trials, content.search_figures),
        extent=grid(content.extent, "What was used for what") if len(content.extent) else None,
        digest=content.digest,
        validation=_validation(content.validation),
        aois=_aoi_sections(content),
        params=_params_by_section(content.params),
        reproduce=REPRODUCE,
    )


def _headline(name: str, value: float | None) -> tuple[str, str, str]:
    return figures.SCORES.get(name, name), decimal(value), MEANINGS.get(name, "")


def _verdict(promotion: Mapping[str, Any]) -> dict[str, Any]:
    models = {name: promotion[name] for name in ("challenger", "champion") if promotion.get(name) is not None}
    aois = {name: model.get("aois") or {} for name, model in models.items() if isinstance(model, Mapping)}
    plain = {
        name: {key: value for key, value in model.items() if key != "aois"} if isinstance(model, Mapping) else model
        for name, model in models.items()
    }
    return {
        "decided": "promoted" in promotion,
        "promoted": bool(promotion.get("promoted")),
        "headline": _decision(bool(promotion.get("promoted")), promotion.get("champion") is not None),
        "reasons": [str(reason) for reason in promotion.get("reasons", [])],
        "models": beside(plain, "Challenger and champion on the same data") if models else None,
        "aois": _paired(aois["challenger"], aois["champion"]) if len(aois) == 2 and all(aois.values()) else None,
    }


def _paired(challenger: Mapping[str, Any], champion: Mapping[str, Any]) -> Grid:
    """SCOT of both by AOI, where the challenger gains least on top."""
    rows = [(aoi, champion[aoi]["scot"], challenger[aoi]["scot"]) for aoi in challenger if aoi in champion]
    table = pd.DataFrame(rows, columns=["aoi", "champion", "challenger"])
    table["difference"] = table["challenger"] - table["champion"]
    return grid(table.sort_values("difference", kind="stable"), "SCOT of both by AOI, the least gain first")


def _decision(promoted: bool, had_champion: bool) -> str:
    if promoted:
        return "Promoted: this model is the champion."
    return "Not promoted: the champion stays." if had_champion else "Not promoted: there is still no champion."


def _scores_first(per_aoi: pd.DataFrame) -> Grid | None:
    if per_aoi.empty:
        return None
    first = [name for name in ("aoi", *figures.SCORES) if name in per_aoi.columns]
    rest = [name for name in per_aoi.columns if name not in first]
    return grid(per_aoi[first + rest], "Scores of every AOI and the counts behind them")


def _curves(history: pd.DataFrame) -> list[Plot]:
    if history.empty:
        return []
    return [
        plot("curve-loss", "Curves: training and validation loss by epoch", figures.loss_curves(history)),
        plot("curve-quality", "Curves: pixel scores on validation tiles by epoch", figures.quality_curves(history)),
        plot("curve-rate", "Curve: learning rate by epoch", figures.rate_curve(history)),
    ]


def _search(trials: pd.DataFrame | None, drawn: Mapping[str, tuple[str, go.Figure]]) -> dict[str, Any] | None:
    if trials is None or trials.empty:
        return None
    best_first = trials.sort_values("value", ascending=False, kind="stable", na_position="last")
    return {
        "chart": plot("search-trials", "Points: objective of every trial", figures.search_trials(trials)),
        "table": grid(best_first, "Every trial, the best first"),
        "figures": [(caption, plot(f"search-{name}", caption, figure)) for name, (caption, figure) in drawn.items()],
    }


def _validation(validation: Mapping[str, Any]) -> dict[str, Any]:
    results = list(validation.get("results", []))
    failed = [result for result in results if not result["success"]]
    return {
        "checked": bool(results),
        "ok": bool(validation.get("ok")),
        "summaries": [str(summary) for summary in validation.get("summaries", [])],
        "passed": len(results) - len(failed),
        "critical": sum(result["severity"] == "critical" for result in failed),
        "warnings": sum(result["severity"] != "critical" for result in failed),
        "failed": [_expectation(result) for result in failed],
        "held": [_expectation(result) for result in results if result["success"]],
    }


def _expectation(result: Mapping[str, Any]) -> dict[str, Any]:
    offenders = list(result.get("offenders") or [])
    unexpected = int(result.get("n_unexpected") or 0)
    shown = [_offender(offender) for offender in offenders[:OFFENDERS]]
    return {
        "suite": result["suite"],
        "column": result["column"] or "whole table",
        "severity": result["severity"],
        "why": result["why"],
        "unexpected": cell(unexpected).text,
        "offenders": shown,
        "more": max(unexpected, len(offenders)) - len(shown),
    }


def _offender(offender: Any) -> str:
    if isinstance(offender, Mapping):
        return ", ".join(f"{name} {value}" for name, value in flattened(offender).items())
    return str(offender)


def _aoi_sections(content: PageContent) -> list[AoiSection]:
    """AOIs with pictures first, in the order given; then those of which only counts are known."""
    names = [aoi for aoi, _, _ in content.overlays] + [aoi for aoi, _ in content.maps] + content.counts["aoi"].tolist()
    return [_aoi_section(content, aoi, place) for place, aoi in enumerate(dict.fromkeys(names))]


def _aoi_section(content: PageContent, aoi: str, place: int) -> AoiSection:
    counts = content.counts[content.counts["aoi"] == aoi]
    label = f"Lines: true and found buildings of {aoi} by month"
    maps = [shown for name, shown in content.maps if name == aoi]
    moving = [shown for shown in maps if not isinstance(shown, bytes)]
    return AoiSection(
        aoi=aoi,
        counts=plot(f"counts-{place}", label, figures.building_counts(counts)) if len(counts) else None,
        plots=[plot(f"map-{place}-{n}", f"Map: footprints of {aoi} by month", shown) for n, shown in enumerate(moving)],
        maps=[data_uri(shown) for shown in maps if isinstance(shown, bytes)],
        overlays=[(month, data_uri(png)) for name, month, png in content.overlays if name == aoi],
    )


def _params_by_section(params: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Dotted keys by their first part, values as a person would write them."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for key, value in params.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, []).append((name or section, str(value)))
    return sections
