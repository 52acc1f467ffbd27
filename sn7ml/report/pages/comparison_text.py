"""Which of two runs is better, where and why, in sentences made from their numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from sn7ml.report.charts.scores import SCORES
from sn7ml.report.comparison import ComparedRun, chance, costs, paired, parts

LIKELY = 0.05
"""A result that chance would reach less often than this is called better, and not just higher."""

Level = Literal["good", "warn", "bad"]

GOOD: Level = "good"
WARN: Level = "warn"

SAME = 0.00005
"""A gain smaller than this is none."""


@dataclass(frozen=True)
class Verdict:
    """What is said of a run beside the first one."""

    level: Level
    """How far to trust the headline: more than chance, may be chance, not comparable."""

    headline: str
    reasons: Sequence[str]


def verdict(base: ComparedRun, other: ComparedRun, objections: Sequence[str]) -> Verdict:
    """Say which of two runs is better, on how many AOIs, and what explains most of it.

    Parameters
    ----------
    base, other
        With a SCOT each.
    objections
        Why their scores cannot be compared; none if they can.
    """
    pairs = paired(base, other)
    scots = {run.label: _scot(run, side, pairs) for side, run in (("base", base), ("other", other))}
    gain = scots[other.label] - scots[base.label]
    winner, loser = (other, base) if gain >= 0 else (base, other)
    reasons = [*_overall(base, other, pairs), *_where(winner, gain, pairs)]
    if abs(gain) >= SAME and len(pairs):
        reasons += [*_parts(winner, gain, pairs), *_why(winner, loser)]
    beside = f"SCOT {scots[winner.label]:.4f} against {scots[loser.label]:.4f}"
    if objections:
        told = [f"These scores do not compare, {text}." for text in objections]
        both = " and ".join(f"{score:.4f} ({label})" for label, score in scots.items())
        return Verdict("bad", f"They cannot be ranked: SCOT {both} are not of the same", [*told, *reasons])
    if abs(gain) < SAME:
        return Verdict("warn", f"{base.label} and {other.label} score the same: {beside}", reasons)
    likely = chance(pairs["gain_scot"].tolist())
    word, level = ("is better", GOOD) if likely <= LIKELY else ("scores higher", WARN)
    return Verdict(level, f"{winner.label} {word}: {beside} ({abs(gain):+.4f})", reasons)


def _scot(run: ComparedRun, side: str, pairs: pd.DataFrame) -> float:
    """Return the mean over the AOIs that both have; where that is not known, the score of the whole run."""
    return float(pairs[f"{side}_scot"].mean()) if len(pairs) else run.scores["scot"]


def _overall(base: ComparedRun, other: ComparedRun, pairs: pd.DataFrame) -> list[str]:
    names = [name for name in ("tracking", "change", "f1", "iou") if name in base.scores and name in other.scores]
    gains = [f"{SCORES[name]} {other.scores[name] - base.scores[name]:+.4f}" for name in names]
    said = [f"From {base.label} to {other.label}: {', '.join(gains)}."] if gains else []
    alone = [
        f"{len(missing)} AOI(s) were scored for {run.label} only"
        for run, rest in ((base, other), (other, base))
        if (missing := set(run.per_aoi.get("aoi", ())) - set(rest.per_aoi.get("aoi", ())))
    ]
    if alone and len(pairs):
        said.append(f"{'; '.join(alone)}: SCOT above is the mean over the {len(pairs)} that both have.")
    return said


def _where(winner: ComparedRun, gain: float, pairs: pd.DataFrame) -> list[str]:
    if pairs.empty:
        return ["Where: no table by AOI was recorded for both, so nothing can be said."]
    sign = 1 if gain >= 0 else -1  # and + 0.0 below, which makes a plain zero of -0.0
    ahead = {str(aoi): sign * float(value) + 0.0 for aoi, value in zip(pairs["aoi"], pairs["gain_scot"], strict=True)}
    better, equal = sum(value > 0 for value in ahead.values()), sum(value == 0 for value in ahead.values())
    ties = f", the same on {equal}" if equal else ""
    text = f"Where: {winner.label} is ahead on {better} of {len(ahead)} AOI(s){ties}"
    if len(ahead) > 1:
        most, least = max(ahead, key=ahead.__getitem__), min(ahead, key=ahead.__getitem__)
        text += f"; most on {most} ({ahead[most]:+.4f}), least on {least} ({ahead[least]:+.4f})"
    return [f"{text}. {_luck(list(ahead.values()))}"]


def _luck(gains: Sequence[float]) -> str:
    counted = [gain for gain in gains if gain]
    if len(counted) < 2:
        return "One AOI, or none, decides nothing about others."
    likely = chance(counted)
    often = f"Coins would fall at least as one-sided in {100 * likely:.2g} % of cases (sign test)"
    if likely <= LIKELY:
        return f"{often}: more than chance."
    few = 2 * 0.5 ** len(counted) > LIKELY
    return f"{often}: {'too few AOIs to tell it from chance' if few else 'it may be chance'}."


def _parts(winner: ComparedRun, gain: float, pairs: pd.DataFrame) -> list[str]:
    if not {"base_tracking", "base_change"} <= set(pairs.columns):
        return []
    sign = math.copysign(1.0, gain)
    shares = {name: sign * share + 0.0 for name, share in parts(pairs).items()}
    change, tracking = shares["change"], shares["tracking"]
    return [
        f"Which part: of {winner.label}'s {abs(gain):+.4f}, {tracking:+.4f} comes from tracking (ids kept from month to month) "
        f"and {change:+.4f} from change (births in the right month)."
    ]


def _why(winner: ComparedRun, loser: ComparedRun) -> list[str]:
    """Name the kind of error that speaks most for the winner, and the one that speaks most against it."""
    table = costs([winner, loser])
    if table.empty:
        return ["Why: no diagnosis was recorded for both (an older run?); evaluating again records one."]
    rows: list[dict[Any, Any]] = table.to_dict("records")

    def saved(row: Mapping[Any, Any]) -> float:
        return float(row[f"cost_{loser.label}"] - row[f"cost_{winner.label}"])

    most, least = max(rows, key=saved), min(rows, key=saved)
    said = ["Why: no kind of error alone costs it less SCOT; see the counts below."]
    if saved(most) >= SAME:
        said = [f"Why: above all {_kind(most, winner, loser)}."]
    if saved(least) <= -SAME:
        said.append(f"Against it: {_kind(least, winner, loser)}.")
    return said


def _kind(row: Mapping[Any, Any], winner: ComparedRun, loser: ComparedRun) -> str:
    sides = [f"{run.label} {row[f'cost_{run.label}']:.4f} of SCOT ({_errors(row, run)})" for run in (winner, loser)]
    return f"{row['label']}, which cost {sides[0]} and {sides[1]}"


def _errors(row: Mapping[Any, Any], run: ComparedRun) -> str:
    count = int(row[f"errors_{run.label}"])
    return f"{count:,} error{'' if count == 1 else 's'}"
