"""Whether a challenger takes over: floors, guards and a paired comparison over AOIs. Numbers in, verdict out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from sn7ml.metrics.score_text import HEADLINES
from sn7ml.params import PromoteParams

Numbers = Mapping[str, float]
"""scot, f1, iou, …; an undefined one is NaN."""

BY_AOI = ("scot", "tracking", "change", "f1", "iou")
"""Scores that are kept of every AOI."""

NAMED = 5
"""AOIs that a reason names; the others are counted."""

RESAMPLES = 9999
"""Draws of the bootstrap: the ends of a 90 % interval then move by a hundredth of its width from seed to seed."""


@dataclass(frozen=True)
class Marks:
    """What one model is worth on the held-out data."""

    digest: str
    """Names its package."""

    overall: Numbers
    """At least scot, f1 and iou."""

    aois: Mapping[str, Numbers]
    """``BY_AOI`` of every AOI that has truth."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types; an undefined score is null."""
        aois = {aoi: _plain(scores) for aoi, scores in self.aois.items()}
        return {"digest": self.digest, "scores": _plain(self.overall), "aois": aois}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "Marks":
        """Read what :meth:`as_dict` returned."""
        aois = {aoi: numbers(scores) for aoi, scores in content["aois"].items()}
        return Marks(content["digest"], numbers(content["scores"]), aois)


@dataclass(frozen=True)
class Gain:
    """What the challenger gains in SCOT, AOI by AOI."""

    by_aoi: Numbers
    """Challenger less champion, of each AOI."""

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
class Verdict:
    """What became of a challenger."""

    promoted: bool
    """Whether the challenger is the champion now."""

    reasons: tuple[str, ...]
    """Why, a sentence each."""

    challenger: Marks

    champion: Marks | None
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
    def from_dict(content: Mapping[str, Any]) -> "Verdict":
        """Read what :meth:`as_dict` returned. Raises KeyError or TypeError if it is of another form."""
        champion, gain = content["champion"], content["gain"]
        return Verdict(
            content["promoted"],
            tuple(content["reasons"]),
            Marks.from_dict(content["challenger"]),
            None if champion is None else Marks.from_dict(champion),
            None if gain is None else Gain.from_dict(gain),
        )


def decide(challenger: Marks, champion: Marks | None, params: PromoteParams) -> Verdict:
    """Compare two models that were scored on the same data; without a champion, only the floors count."""
    objections = _below_floors(challenger.overall, params)
    if champion is None:
        reasons = objections or ["there is no champion yet"]
        return Verdict(not objections, tuple(reasons), challenger, None, None)
    gain = paired_gain(challenger, champion, params)
    objections += _no_gain(challenger.overall, champion.overall, params)
    objections += _not_by_chance(gain)
    objections += _guards_broken(challenger.overall, champion.overall, gain, params)
    better = f"SCOT {_rise(challenger.overall, champion.overall, 'scot')}, by at least {params.min_gain:g}"
    reasons = [*(objections or [better]), _comparison(gain, params)]
    return Verdict(not objections, tuple(reasons), challenger, champion, gain)


def paired_gain(challenger: Marks, champion: Marks, params: PromoteParams) -> Gain:
    """Return the differences of the AOIs both were scored on, with an interval where there are ``min_aois`` of them."""
    both = [aoi for aoi in challenger.aois if aoi in champion.aois]
    differences = {aoi: challenger.aois[aoi]["scot"] - champion.aois[aoi]["scot"] for aoi in both}
    if len(both) < params.min_aois:
        return Gain(differences, None, params.confidence)
    values = np.array(list(differences.values()))
    # Percentiles, and not SciPy's BCa: that is undefined where differences are equal, as those of near twins are.
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=params.confidence,
        method="percentile",
        rng=np.random.default_rng(params.seed),
    ).confidence_interval
    return Gain(differences, (float(found.low), float(found.high)), params.confidence)


def numbers(scores: Mapping[str, float | None]) -> dict[str, float]:
    """Return scores as they come from JSON, with NaN for null."""
    return {name: math.nan if value is None else value for name, value in scores.items()}


def _below_floors(challenger: Numbers, params: PromoteParams) -> list[str]:
    floors = {"scot": params.min_scot, "f1": params.min_f1}
    return [
        f"{HEADLINES[name]} {challenger[name]:.4f} is below promote.min_{name} {floor:g}"
        for name, floor in floors.items()
        if _number(challenger[name]) < floor
    ]


def _no_gain(challenger: Numbers, champion: Numbers, params: PromoteParams) -> list[str]:
    gain = _number(challenger["scot"]) - _number(champion["scot"])
    if gain > 0 and gain >= params.min_gain:  # NaN, two undefined scores, is no gain either
        return []
    return [f"SCOT {_rise(challenger, champion, 'scot')}: not better by promote.min_gain {params.min_gain:g}"]


def _not_by_chance(gain: Gain) -> list[str]:
    if gain.interval is None or gain.interval[0] > 0:
        return []
    return ["the interval of the mean gain reaches zero or below: it may be chance"]


def _guards_broken(challenger: Numbers, champion: Numbers, gain: Gain, params: PromoteParams) -> list[str]:
    overall = [
        f"{HEADLINES[name]} {_rise(challenger, champion, name)}: lost more than promote.max_f1_loss {params.max_f1_loss:g}"
        for name in ("f1", "iou")
        if _number(challenger[name]) < _number(champion[name]) - params.max_f1_loss
    ]
    lost = {aoi: -change for aoi, change in gain.by_aoi.items() if change < -params.max_aoi_loss}
    if not lost:
        return overall
    most = sorted(lost, key=lambda aoi: -lost[aoi])[:NAMED]
    told = ", ".join(f"{aoi} by {lost[aoi]:.4f}" for aoi in most) + (", …" if len(lost) > NAMED else "")
    return [
        *overall,
        f"SCOT fell by more than promote.max_aoi_loss {params.max_aoi_loss:g} in {len(lost)} AOI(s): {told}",
    ]


def _comparison(gain: Gain, params: PromoteParams) -> str:
    count = f"over {len(gain.by_aoi)} AOI{'' if len(gain.by_aoi) == 1 else 's'}"
    if gain.interval is None:
        return (
            f"{count} SCOT changes by {gain.mean:+.4f} on average; fewer than promote.min_aois {params.min_aois} are too few "
            "to tell a gain from chance, so promote.min_gain alone decides"
        )
    low, high = gain.interval
    return (
        f"{count} SCOT changes by {gain.mean:+.4f} on average, {gain.confidence:.0%} interval {low:+.4f} to {high:+.4f}"
    )


def _rise(challenger: Numbers, champion: Numbers, name: str) -> str:
    return f"{champion[name]:.4f} (champion) to {challenger[name]:.4f} (challenger)"


def _number(score: float) -> float:
    """Undefined is worse than anything."""
    return -math.inf if math.isnan(score) else score


def _plain(scores: Numbers) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in scores.items()}
