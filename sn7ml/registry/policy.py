"""Whether a challenger takes over: floors, guards and a paired comparison over AOIs. Numbers in, decision out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from sn7ml.metrics.score import Score, score_named
from sn7ml.params import PromoteParams

Numbers = Mapping[str, float]
"""Score by name; an undefined one is NaN."""

NAMED = 5
"""AOIs that a reason names; the others are counted."""

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
        aois = {aoi: _plain(scores) for aoi, scores in self.aois.items()}
        return {"digest": self.digest, "scores": _plain(self.overall), "aois": aois}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "ModelScores":
        """Read what :meth:`as_dict` returned."""
        aois = {aoi: numbers(scores) for aoi, scores in content["aois"].items()}
        return ModelScores(content["digest"], numbers(content["scores"]), aois)


@dataclass(frozen=True)
class Gain:
    """What the challenger gains in the objective, AOI by AOI."""

    by_aoi: Numbers
    """Of each AOI; above 0 where the challenger is better."""

    interval: tuple[float, float] | None
    """Bootstrap interval of the mean over AOIs; None where they are too few."""

    confidence: float
    """Of the interval."""

    @property
    def mean(self) -> float:
        """The mean over AOIs; NaN over none."""
        return float(np.mean(list(self.by_aoi.values()))) if self.by_aoi else math.nan

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        low, high = self.interval or (None, None)
        interval = {"low": low, "high": high, "confidence": self.confidence}
        return {"mean": None if math.isnan(self.mean) else self.mean, **interval, "by_aoi": _plain(self.by_aoi)}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "Gain":
        """Read what :meth:`as_dict` returned."""
        interval = None if content["low"] is None else (content["low"], content["high"])
        return Gain(numbers(content["by_aoi"]), interval, content["confidence"])


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
            "gain": None if self.gain is None else self.gain.as_dict(),
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
            None if gain is None else Gain.from_dict(gain),
        )


@dataclass(frozen=True)
class Rules:
    """When a challenger takes over."""

    params: PromoteParams

    scores: Sequence[Score]
    """Of the task; all that ``params`` names are among them."""

    @property
    def objective(self) -> Score:
        """The score by which a challenger must be better."""
        return score_named(self.scores, self.params.objective)


def decide(challenger: ModelScores, champion: ModelScores | None, rules: Rules) -> Decision:
    """Compare two models that were scored on the same data; without a champion, only the floors count."""
    against = _below_floors(challenger.overall, rules)
    if champion is None:
        reasons = against or ["there is no champion yet"]
        return Decision(not against, tuple(reasons), challenger, None, None)
    gain = paired_gain(challenger, champion, rules)
    against += _no_gain(challenger.overall, champion.overall, rules)
    against += _not_by_chance(gain)
    against += _guards_broken(challenger.overall, champion.overall, gain, rules)
    objective = rules.objective
    rise = _rise(challenger.overall, champion.overall, objective.name)
    better = f"{objective.label} {rise}, by at least {rules.params.min_gain:g}"
    reasons = [*(against or [better]), _comparison(gain, rules)]
    return Decision(not against, tuple(reasons), challenger, champion, gain)


def paired_gain(challenger: ModelScores, champion: ModelScores, rules: Rules) -> Gain:
    """Return the gains of the AOIs both were scored on, with an interval where there are ``min_aois`` of them."""
    both, objective, params = [aoi for aoi in challenger.aois if aoi in champion.aois], rules.objective, rules.params
    gains = {
        aoi: objective.gain(challenger.aois[aoi][objective.name], champion.aois[aoi][objective.name]) for aoi in both
    }
    if len(both) < params.min_aois:
        return Gain(gains, None, params.confidence)
    values = np.array(list(gains.values()))
    # Percentiles, and not SciPy's BCa: that is undefined where differences are equal, as those of near twins are.
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=params.confidence,
        method="percentile",
        rng=np.random.default_rng(params.seed),
    ).confidence_interval
    return Gain(gains, (float(found.low), float(found.high)), params.confidence)


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


def _no_gain(challenger: Numbers, champion: Numbers, rules: Rules) -> list[str]:
    score, least = rules.objective, rules.params.min_gain
    gain = score.rank(challenger[score.name]) - score.rank(champion[score.name])
    if gain > 0 and gain >= least:  # NaN, of two undefined scores, is no gain either
        return []
    return [f"{score.label} {_rise(challenger, champion, score.name)}: not better by promote.min_gain {least:g}"]


def _not_by_chance(gain: Gain) -> list[str]:
    if gain.interval is None or gain.interval[0] > 0:
        return []
    return ["the interval of the mean gain reaches zero or below: it may be chance"]


def _guards_broken(challenger: Numbers, champion: Numbers, gain: Gain, rules: Rules) -> list[str]:
    params = rules.params
    guarded = {score_named(rules.scores, name): allowed for name, allowed in params.max_loss.items()}
    overall = [
        f"{score.label} {_rise(challenger, champion, score.name)}: lost more than promote.max_loss.{score.name} {allowed:g}"
        for score, allowed in guarded.items()
        if score.rank(challenger[score.name]) < score.rank(champion[score.name]) - allowed
    ]
    lost = {aoi: -change for aoi, change in gain.by_aoi.items() if change < -params.max_aoi_loss}
    if not lost:
        return overall
    most = sorted(lost, key=lambda aoi: -lost[aoi])[:NAMED]
    named = ", ".join(f"{aoi} by {lost[aoi]:.4f}" for aoi in most) + (", …" if len(lost) > NAMED else "")
    return [
        *overall,
        f"{rules.objective.label} got worse by more than promote.max_aoi_loss {params.max_aoi_loss:g} in {len(lost)} AOI(s): "
        f"{named}",
    ]


def _comparison(gain: Gain, rules: Rules) -> str:
    count = f"over {len(gain.by_aoi)} AOI{'' if len(gain.by_aoi) == 1 else 's'}"
    changes = f"{count} {rules.objective.label} gains {gain.mean:+.4f} on average"
    if gain.interval is None:
        return (
            f"{changes}; fewer than promote.min_aois {rules.params.min_aois} are too few to tell a gain from chance, so "
            "promote.min_gain alone decides"
        )
    low, high = gain.interval
    return f"{changes}, {gain.confidence:.0%} interval {low:+.4f} to {high:+.4f}"


def _rise(challenger: Numbers, champion: Numbers, name: str) -> str:
    return f"{champion[name]:.4f} (champion) to {challenger[name]:.4f} (challenger)"


def _plain(scores: Numbers) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in scores.items()}
