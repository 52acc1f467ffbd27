"""Whether a challenger takes over: floors, guards and a paired comparison over AOIs. Numbers in, decision out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sn7ml.metrics.score import Score, score_named
from sn7ml.metrics.score_text import plain
from sn7ml.params import PromoteParams

Numbers = Mapping[str, float]
"""Score by name; an undefined one is NaN."""

RESAMPLES = 9999
"""Draws of the bootstrap: the ends of a 90 % interval then move by a hundredth of its width from seed to seed."""


@dataclass(frozen=True)
class ModelScores:
    """What one model is worth on the held-out data."""

    digest: str
    """Names its package."""

    overall: Numbers
    """At least the scores of the task."""

    aois: Mapping[str, Numbers]
    """The task's scores of every AOI that has truth."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types; an undefined score is null."""
        return {"digest": self.digest, "scores": plain(self.overall), "aois": plain(self.aois)}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "ModelScores":
        """Read what :meth:`as_dict` returned."""
        aois = {aoi: numbers(scores) for aoi, scores in content["aois"].items()}
        return ModelScores(content["digest"], numbers(content["scores"]), aois)


@dataclass(frozen=True)
class Gain:
    """What the challenger gains in the objective, AOI by AOI."""

    mean: float
    """Over the AOIs; NaN over none."""

    low: float | None
    high: float | None
    confidence: float
    """Bootstrap interval of the mean and its level; None where the AOIs are too few."""

    by_aoi: Numbers
    """Above 0 where the challenger is better."""


@dataclass(frozen=True)
class Decision:
    """What became of a challenger."""

    promoted: bool
    """Whether the challenger is the champion now."""

    reasons: tuple[str, ...]
    """Why, a sentence each."""

    challenger: ModelScores
    champion: ModelScores | None
    """The champion it was compared with, on the same data; None if there was none."""

    gain: Gain | None
    """None without a champion."""

    notes: tuple[str, ...] = ()
    """How the scores came about. They depend on what the store remembers, so they are not in :meth:`as_dict`."""

    version: str = ""
    """The challenger's number in the registry. Differs between stores, so it is not in :meth:`as_dict`."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types. The same for the same models, data and params."""
        return {
            "promoted": self.promoted,
            "reasons": list(self.reasons),
            "challenger": self.challenger.as_dict(),
            "champion": None if self.champion is None else self.champion.as_dict(),
            "gain": None if self.gain is None else plain(vars(self.gain)),
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "Decision":
        """Read what :meth:`as_dict` returned. Raises KeyError or TypeError if it is of another form."""
        champion, gain = content["champion"], content["gain"]
        return Decision(
            content["promoted"],
            tuple(content["reasons"]),
            ModelScores.from_dict(content["challenger"]),
            None if champion is None else ModelScores.from_dict(champion),
            None if gain is None else Gain(**gain | {"mean": numbers(gain)["mean"], "by_aoi": numbers(gain["by_aoi"])}),
        )


@dataclass(frozen=True)
class Rules:
    """When a challenger takes over."""

    params: PromoteParams
    scores: Sequence[Score]
    """Of the task; all that ``params`` names are among them."""

    groups: Mapping[str, str] = field(default_factory=dict)
    """AOI to its group: the bootstrap draws the AOIs of a group together. An AOI that is not named is its own group."""

    @property
    def objective(self) -> Score:
        """The score by which a challenger must be better."""
        return score_named(self.scores, self.params.objective)


def decide(challenger: ModelScores, champion: ModelScores | None, rules: Rules) -> Decision:
    """Compare two models that were scored on the same data; without a champion, only the floors count."""
    against = _below_floors(challenger.overall, rules)
    if champion is None:
        return Decision(not against, tuple(against or ["there is no champion yet"]), challenger, None, None)
    params, objective, gain = rules.params, rules.objective, paired_gain(challenger, champion, rules)
    rise = _rise(challenger.overall, champion.overall, objective)
    better = objective.rank(challenger.overall[objective.name]) - objective.rank(champion.overall[objective.name])
    if not (better > 0 and better >= params.min_gain):  # NaN, of two undefined scores, is no gain either
        against.append(f"{rise}: not better by promote.min_gain {params.min_gain:g}")
    aois, groups = f"{len(gain.by_aoi)} AOI{'' if len(gain.by_aoi) == 1 else 's'}", len(_groups(gain.by_aoi, rules))
    if groups < len(gain.by_aoi):
        aois += f" in {groups} group{'' if groups == 1 else 's'}"
    paired = f"over {aois} {objective.label} gains {gain.mean:+.4f} on average"
    if gain.low is None:
        paired += f"; fewer than promote.min_aois {params.min_aois} are too few to tell a gain from chance, so "
        paired += "promote.min_gain alone decides"
    else:
        paired += f", {gain.confidence:.0%} interval {gain.low:+.4f} to {gain.high:+.4f}"
        if not gain.low > 0:
            against.append("the interval of the mean gain reaches zero or below: it may be chance")
    against += _guards_broken(challenger.overall, champion.overall, gain, rules)
    reasons = [*(against or [f"{rise}, by at least {params.min_gain:g}"]), paired]
    return Decision(not against, tuple(reasons), challenger, champion, gain)


def paired_gain(challenger: ModelScores, champion: ModelScores, rules: Rules) -> Gain:
    """Return the gains of the AOIs both were scored on, with an interval where they are of ``min_aois`` groups."""
    objective, params = rules.objective, rules.params
    gains = {
        aoi: objective.gain(after[objective.name], champion.aois[aoi][objective.name])
        for aoi, after in challenger.aois.items()
        if aoi in champion.aois
    }
    mean = float(np.mean(list(gains.values()))) if gains else math.nan
    groups = _groups(gains, rules)
    if len(groups) < params.min_aois:
        return Gain(mean, None, None, params.confidence, gains)
    totals = np.array([sum(gains[aoi] for aoi in aois) for aois in groups.values()])
    sizes = np.array([len(aois) for aois in groups.values()])
    # Percentiles, and not SciPy's BCa: that is undefined where differences are equal, as those of near twins are.
    rng = np.random.default_rng(params.seed)
    found = stats.bootstrap(
        (totals, sizes), _mean_gain, paired=True, n_resamples=RESAMPLES, confidence_level=params.confidence,
        method="percentile", rng=rng,
    ).confidence_interval  # fmt: skip
    return Gain(mean, float(found.low), float(found.high), params.confidence, gains)


def _groups(aois: Iterable[str], rules: Rules) -> dict[str, list[str]]:
    """Return group to its AOIs, in order of first appearance."""
    groups: dict[str, list[str]] = {}
    for aoi in aois:
        groups.setdefault(rules.groups.get(aoi, aoi), []).append(aoi)
    return groups


def _mean_gain(totals: NDArray[np.float64], sizes: NDArray[np.intp], axis: int) -> NDArray[np.float64]:
    """Return the mean gain of an AOI from sums and sizes of groups."""
    return np.asarray(totals.sum(axis=axis) / sizes.sum(axis=axis))


def numbers(scores: Mapping[str, float | None]) -> dict[str, float]:
    """Return scores as they come from JSON, with NaN for null."""
    return {name: math.nan if value is None else value for name, value in scores.items()}


def _below_floors(challenger: Numbers, rules: Rules) -> list[str]:
    params = rules.params
    floors = {"promote.min_score": (rules.objective, params.min_score)} | {
        f"promote.floors.{name}": (score_named(rules.scores, name), floor) for name, floor in params.floors.items()
    }
    return [
        f"{score.label} {challenger[score.name]:.4f} is worse than {key} {floor:g}"
        for key, (score, floor) in floors.items()
        if score.rank(challenger[score.name]) < score.rank(floor)
    ]


def _guards_broken(challenger: Numbers, champion: Numbers, gain: Gain, rules: Rules) -> list[str]:
    params = rules.params
    guarded = {score_named(rules.scores, name): allowed for name, allowed in params.max_loss.items()}
    broken = [
        f"{_rise(challenger, champion, score)}: lost more than promote.max_loss.{score.name} {allowed:g}"
        for score, allowed in guarded.items()
        if score.rank(challenger[score.name]) < score.rank(champion[score.name]) - allowed
    ]
    lost = {aoi: -change for aoi, change in gain.by_aoi.items() if change < -params.max_aoi_loss}
    if lost:
        most = sorted(lost, key=lambda aoi: -lost[aoi])[:5]
        named = ", ".join(f"{aoi} by {lost[aoi]:.4f}" for aoi in most) + (", …" if len(lost) > len(most) else "")
        broken.append(
            f"{rules.objective.label} got worse by more than promote.max_aoi_loss {params.max_aoi_loss:g} "
            f"in {len(lost)} AOI(s): {named}"
        )
    return broken


def _rise(challenger: Numbers, champion: Numbers, score: Score) -> str:
    before, after = champion[score.name], challenger[score.name]
    return f"{score.label} {before:.4f} (champion) to {after:.4f} (challenger)"
