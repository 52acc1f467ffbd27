"""One HTML page about two runs or more: which is better, where and why. The same runs give the same bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from sn7ml.core.schemas import UNDATED
from sn7ml.metrics.score import Score
from sn7ml.report.charts import scores as charts
from sn7ml.report.comparison import SAME, ComparedRun, chance, differing, paired
from sn7ml.report.maps.overlays import from_png, panels_of, side_by_side, to_png
from sn7ml.report.offline import data_uri, plot, render
from sn7ml.report.pages import diagnosis
from sn7ml.report.tables import Table, beside, exact, signed, table

LIKELY = 0.05
"""A run is called better, and not just higher, if chance would do as well less often than this."""


@dataclass(frozen=True)
class Comparison:
    """All that a page shows."""

    runs: Sequence[ComparedRun]
    """Two or more, each with the first of the scores; all are held against the first run."""

    scores: Sequence[Score]
    """Of the task; the first one ranks."""

    differences: Sequence[str] = ()
    """Why their scores cannot be compared, if they cannot."""

    split: str = "test"
    """What was scored, as people read it."""

    title: str = ""
    """What the task is, above the headline."""


@dataclass(frozen=True)
class Verdict:
    """What is said of a run beside the first one."""

    level: Literal["good", "warn", "bad"]
    """How far to trust the headline: more than chance, may be chance, not comparable."""

    headline: str
    reasons: Sequence[str]


def render_comparison(comparison: Comparison) -> str:
    """Return the page as HTML text, the same for the same runs. Whatever came from outside is escaped."""
    runs = comparison.runs
    drawn = charts.curves_of_runs(runs) if any(len(run.history) for run in runs) else {}
    origins = {run.label: {"run": run.run_id, "name": run.name, **run.origin} for run in runs}
    return render(
        "compare.html.j2",
        title=" beside ".join(f"{run.label} ({run.run_id[:7]})" for run in runs),
        task=comparison.title,
        split=comparison.split,
        verdicts=verdicts(comparison),
        origins=beside(origins, "Where they come from"),
        scores=_scores(runs, comparison.scores),
        rising=all(score.higher_is_better for score in comparison.scores),
        pairs=_pairs(runs, comparison.scores),
        lost=diagnosis.lost_by_each(runs) if diagnosis.explains(comparison.scores) else None,
        overlays=_overlays(runs),
        curves=[plot(f"curve-{name}", f"Curves: {said} by epoch", chart) for name, (said, chart) in drawn.items()],
        params=beside(differing({run.label: run.params for run in runs}), "Params that differ"),
    )


def _scores(runs: Sequence[ComparedRun], scores: Sequence[Score]) -> Table:
    """Show every score, the first run's and then each other's with its difference to it."""
    labels = {score.name: score.label for score in scores}
    recorded = {name for run in runs for name in run.scores}
    names = [*(name for name in labels if name in recorded), *sorted(recorded - set(labels))]
    base, *others = (pd.Series(run.scores, dtype="float64").reindex(names).to_numpy() for run in runs)
    columns, cells = {"score": [labels.get(name, name) for name in names], runs[0].label: base}, {runs[0].label: exact}
    for run, values in zip(runs[1:], others, strict=True):
        difference = f"{run.label} − {runs[0].label}"
        columns |= {run.label: values, difference: values - base}
        cells |= {run.label: exact, difference: signed}
    return table(pd.DataFrame(columns), "Scores over all AOIs", cells=cells)


def _pairs(runs: Sequence[ComparedRun], scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Put every other run beside the first, AOI by AOI, where they have an AOI in common."""
    base, *others = runs
    first, sections = scores[0], []
    for place, other in enumerate(others, start=1):
        pairs = paired(base, other, scores)
        if pairs.empty:
            continue
        gains = {f"gain_{score.name}": f"Δ {score.label}" for score in scores if f"gain_{score.name}" in pairs}
        sides = {
            f"base_{first.name}": f"{first.label} {base.label}",
            f"other_{first.name}": f"{first.label} {other.label}",
        }
        shown = table(
            pairs[["aoi", *sides, *gains]],
            f"Δ: what {other.label} gains over {base.label}; the AOI that gains most comes first",
            names=sides | gains,
            cells=dict.fromkeys(sides, exact) | dict.fromkeys(gains, signed),
        )
        label = f"Points: {first.label} of {base.label} and {other.label} on every AOI"
        chart = plot(f"pairs-{place}", label, charts.aoi_pairs(pairs, first, (base, other), (0, place)))
        sections.append({"title": f"{other.label} beside {base.label}", "chart": chart, "table": shown})
    return sections


def _overlays(runs: Sequence[ComparedRun]) -> dict[str, list[dict[str, Any]]]:
    """Return for each AOI the windows that every run has a picture of, with what stands below each panel.

    The ground is shown once with every run's finds beside it; where it differs, each run's own picture is shown.
    """
    strips: dict[str, list[dict[str, Any]]] = {}
    for aoi, step in sorted(set.intersection(*(set(run.overlays) for run in runs))):
        month = next((run.months[aoi, step] for run in runs if (aoi, step) in run.months), f"frame {step}")
        month = aoi if month == UNDATED else month
        panels = {run.label: panels_of(from_png(run.overlays[aoi, step])) for run in runs}
        (image, truth, _), *others = panels.values()
        if all(np.array_equal(image, theirs[0]) and np.array_equal(truth, theirs[1]) for theirs in others):
            joined = to_png(side_by_side(image, truth, *(found for _, _, found in panels.values())))
            shown = {month: (["image", "truth", *panels], joined)}
        else:
            shown = {
                f"{month}, {label}": ([f"image {label}", f"truth {label}", label], run.overlays[aoi, step])
                for label, run in zip(panels, runs, strict=True)
            }
        for title, (heads, png) in shown.items():
            strips.setdefault(aoi, []).append({"month": title, "heads": heads, "uri": data_uri(png)})
    return strips


def verdicts(comparison: Comparison) -> list[Verdict]:
    """Return what is said of every run beside the first one."""
    base, *others = comparison.runs
    return [verdict(base, other, comparison.scores, comparison.differences) for other in others]


def verdict(base: ComparedRun, other: ComparedRun, scores: Sequence[Score], differences: Sequence[str]) -> Verdict:
    """Say which of two runs is better by the first score, on how many AOIs, and what explains most of it.

    ``differences`` are why their scores cannot be compared, if they cannot.
    """
    first, pairs = scores[0], paired(base, other, scores)
    # The mean over the AOIs that both have; where that is not known, the score of the whole run.
    values = {
        run.label: float(pairs[f"{side}_{first.name}"].mean()) if len(pairs) else run.scores[first.name]
        for side, run in (("base", base), ("other", other))
    }
    gain = first.gain(values[other.label], values[base.label])
    winner, loser = (other, base) if gain >= 0 else (base, other)
    reasons = [*_overall(base, other, scores, len(pairs)), _where(winner, gain, pairs, first)]
    if abs(gain) >= SAME and len(pairs) and diagnosis.explains(scores):
        reasons += diagnosis.reasons(winner, loser, pairs, gain)
    beside_it = f"{first.label} {values[winner.label]:.4f} against {values[loser.label]:.4f}"
    if differences:
        told = [f"These scores do not compare, {text}." for text in differences]
        both = " and ".join(f"{value:.4f} ({label})" for label, value in values.items())
        return Verdict("bad", f"They cannot be ranked: {first.label} {both} are not of the same", [*told, *reasons])
    if abs(gain) < SAME:
        return Verdict("warn", f"{base.label} and {other.label} score the same: {beside_it}", reasons)
    headline = f"{beside_it} ({abs(gain):+.4f})"
    if chance(pairs[f"gain_{first.name}"].tolist()) <= LIKELY:
        return Verdict("good", f"{winner.label} is better: {headline}", reasons)
    place = "higher" if first.higher_is_better else "lower"
    return Verdict("warn", f"{winner.label} scores {place}: {headline}", reasons)


def _overall(base: ComparedRun, other: ComparedRun, scores: Sequence[Score], n_pairs: int) -> list[str]:
    """Say what the other scores did, and which AOIs only one of the two has."""
    both = [score for score in scores[1:] if score.name in base.scores and score.name in other.scores]
    gains = [f"{score.label} {other.scores[score.name] - base.scores[score.name]:+.4f}" for score in both]
    said = [f"From {base.label} to {other.label}: {', '.join(gains)}."] if gains else []
    alone = [
        f"{len(missing)} AOI(s) were scored for {run.label} only"
        for run, rest in ((base, other), (other, base))
        if (missing := set(run.per_aoi.get("aoi", ())) - set(rest.per_aoi.get("aoi", ())))
    ]
    if alone and n_pairs:
        said.append(f"{'; '.join(alone)}: {scores[0].label} above is the mean over the {n_pairs} that both have.")
    return said


def _where(winner: ComparedRun, gain: float, pairs: pd.DataFrame, score: Score) -> str:
    """Say on how many AOIs the winner is ahead, and whether chance would do that as well."""
    if pairs.empty:
        return "Where: no table by AOI was recorded for both, so nothing can be said."
    # + 0.0 turns -0.0 into 0.0
    ahead = pairs.set_index("aoi")[f"gain_{score.name}"] * (1 if gain >= 0 else -1) + 0.0
    equal = int((ahead == 0).sum())
    ties = f", the same on {equal}" if equal else ""
    text = f"Where: {winner.label} is ahead on {(ahead > 0).sum()} of {len(ahead)} AOI(s){ties}"
    if len(ahead) > 1:
        text += f"; most on {ahead.idxmax()} ({ahead.max():+.4f}), least on {ahead.idxmin()} ({ahead.min():+.4f})"
    counted = len(ahead) - equal
    if counted < 2:
        return f"{text}. One AOI, or none, decides nothing about others."
    likely = chance(ahead.tolist())
    # With so few AOIs not even all of them on one side would be more than chance.
    few = "too few AOIs to tell it from chance" if 2 * 0.5**counted > LIKELY else "it may be chance"
    luck = f"{100 * likely:.2g} % of cases (sign test): {'more than chance' if likely <= LIKELY else few}"
    return f"{text}. Coins would fall at least as one-sided in {luck}."
