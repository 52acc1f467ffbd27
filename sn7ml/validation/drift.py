"""Whether new frames are like those that a model learned from. Loads neither torch nor Great Expectations.

Every fact of a new area (the median over its months, so that one odd month does not decide) is compared with the range that
the training frames have. What lies outside is measured in *spreads*: the standard deviation among the training frames,
or, where that is less, the difference that is too small to matter, as ``FACTS`` has it. Up to 1 spread is "trusted", up to
3 "with care", more "not trusted"; the worst fact decides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy import stats

from sn7ml.data.appearance import appearance
from sn7ml.errors import ModelError

Level = Literal["trusted", "with care", "not trusted"]
LEVELS: tuple[Level, ...] = ("trusted", "with care", "not trusted")

CARE, MISTRUST = 1.0, 3.0
"""Spreads outside the training range above which an area is to be taken with care, and is not to be trusted."""

FEW_AREAS = 5
"""With fewer training areas, nothing is known of how areas differ: on others the model is to be taken with care."""

ENOUGH_FRAMES = 20
"""On both sides, for a statement about distributions."""

QUANTILES = tuple(n / 20 for n in range(21))


@dataclass(frozen=True)
class Fact:
    """Something that is compared."""

    name: str
    """Column of the facts."""

    label: str
    unit: str

    floor: float
    """The least that counts as one spread: in the fact's unit, or, with ``ratio``, as a factor."""

    ratio: bool = False
    """Compared by factors: twice as much is as far as half as much."""

    worst: Level = "not trusted"
    """The worst that can be concluded from this fact alone."""

    harmless_above: bool = False
    """More than in training does no harm."""

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values on the scale on which distances are measured."""
        return np.log(np.maximum(values, 1.0 if self.name == DENSITY else 1e-6)) if self.ratio else values

    def spread(self, std: float) -> float:
        """Return what one spread is on that scale."""
        return max(std, math.log(self.floor) if self.ratio else self.floor)


DENSITY = "buildings_km2"

FACTS = (
    *(
        Fact(f"brightness_{colour}", f"brightness, {colour}", "grey levels", 10.0)
        for colour in ("red", "green", "blue")
    ),
    *(Fact(f"contrast_{colour}", f"contrast, {colour}", "grey levels", 6.0) for colour in ("red", "green", "blue")),
    Fact("ground_px_m", "ground pixel size", "m", 1.15, ratio=True),
    Fact(DENSITY, "building density", "buildings/km²", 1.5, ratio=True),
    Fact("noon_sun_deg", "season (noon sun)", "° above the horizon", 8.0, worst="with care"),
    Fact("usable_fraction", "usable fraction", "of the image", 0.15, worst="with care", harmless_above=True),
)


class Frozen(BaseModel):
    """A part of what is written to files."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Range(Frozen):
    """One fact over the training frames, in the fact's own unit."""

    frames: int
    """That have it."""

    low: float
    high: float
    """The 1st and 99th percentile of the frames, or the lowest and highest median of an area if that is farther out."""

    std: float
    """On the scale of the fact: of logarithms, where it is compared by factors."""

    quantiles: tuple[float, ...]
    """At ``QUANTILES``, from the lowest frame to the highest."""


class Reference(Frozen):
    """What training frames looked like; small enough to travel with a model."""

    schema_version: Literal[1] = 1
    aois: tuple[str, ...]
    months: tuple[str, str]
    """First and last."""

    frames: int
    facts: dict[str, Range]
    """Name to range; a fact that no frame has is left out."""


class Finding(Frozen):
    """One fact of one area against the training frames."""

    aoi: str
    fact: str
    label: str
    unit: str
    value: float
    """Median over the months."""

    low: float
    high: float
    spreads: float
    """How far outside of low … high; 0 inside, negative below."""

    frames: int
    frames_outside: int
    """Months that lie more than ``CARE`` spreads outside."""

    level: Level

    def __str__(self) -> str:
        side = "above" if self.spreads > 0 else "below"
        where = f"{abs(self.spreads):.1f} spreads {side} training's" if self.spreads else "within training's"
        return f"{self.label} {self.value:.4g} {self.unit}, {where} {self.low:.4g} to {self.high:.4g}"


class AreaVerdict(Frozen):
    """Whether to trust the model on one area, and why not."""

    aoi: str
    level: Level
    reasons: tuple[str, ...]
    """The worst first; empty if trusted."""


class Drift(Frozen):
    """New frames against a reference."""

    schema_version: Literal[1] = 1
    level: Level
    """Of the worst area."""

    sentence: str
    areas: tuple[AreaVerdict, ...]
    """The worst first, then by name."""

    findings: tuple[Finding, ...]
    """Every fact of every area that both sides have, in order of area and fact."""

    distributions: dict[str, float]
    """Fact to the Kolmogorov-Smirnov distance of all new frames to all training frames: 0 alike, 1 apart. Empty with fewer
    than ``ENOUGH_FRAMES`` on a side. It decides nothing: a single season inside the training range is far from it, and fine."""


def reference(facts: pd.DataFrame) -> Reference:
    """Summarise the facts of training frames.

    Parameters
    ----------
    facts
        ``APPEARANCE``, with a column ``buildings_km2`` (:func:`with_density`) or without.

    Raises
    ------
    ModelError
        If not one frame could be read.
    """
    known = facts[facts["fault"] == ""]
    if known.empty:
        first = f"; the first: {facts['file'].iloc[0]}: {facts['fault'].iloc[0]}" if len(facts) else ""
        raise ModelError(f"none of {len(facts)} frames can be read, so there is nothing to compare with{first}")
    return Reference(
        aois=tuple(sorted(known["aoi"].unique())),
        months=(known["month"].min(), known["month"].max()),
        frames=len(known),
        facts={fact.name: found for fact in FACTS if (found := _range(known, fact)) is not None},
    )


def with_density(facts: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Add ``buildings_km2`` to ``APPEARANCE``.

    Parameters
    ----------
    facts
        ``APPEARANCE``.
    counts
        Columns aoi, month and n: buildings of a frame, labelled or predicted. Frames that are not named have no density.
    """
    counted = facts.merge(counts[["aoi", "month", "n"]], on=["aoi", "month"], how="left")
    area = counted["usable_km2"].where(counted["usable_km2"] > 0)
    return facts.assign(buildings_km2=(counted["n"].astype("float64") / area).round(3).to_numpy())


def compare(known: Reference, new: pd.DataFrame) -> Drift:
    """Compare the facts of new frames with a reference.

    Parameters
    ----------
    known
        Of the training frames.
    new
        As :func:`reference` takes them. Facts that either side lacks are not compared.

    Returns
    -------
    Drift
        Equal facts give equal results. "trusted" if there are no frames at all.
    """
    findings: list[Finding] = []
    areas: list[AreaVerdict] = []
    for aoi, frames in new.groupby("aoi", sort=True):
        found = [finding for fact in FACTS if (finding := _finding(known, fact, str(aoi), frames)) is not None]
        areas.append(_verdict(known, str(aoi), found))
        findings += found
    areas.sort(key=lambda area: -LEVELS.index(area.level))
    return Drift(
        level=areas[0].level if areas else "trusted",
        sentence=_sentence(areas),
        areas=tuple(areas),
        findings=tuple(findings),
        distributions={fact.name: distance for fact in FACTS if (distance := _ks(known, fact, new)) is not None},
    )


def drift_of_frames(root: Path, frames: pd.DataFrame, known: Reference, counts: pd.DataFrame | None = None) -> Drift:
    """Compare the images of a ``FRAMES`` table with a reference; ``counts`` as :func:`with_density` takes them."""
    facts = appearance(root, frames)
    return compare(known, facts if counts is None else with_density(facts, counts))


def read_reference(path: Path) -> Reference:
    """Read what ``Reference.model_dump_json`` wrote. Raises ModelError."""
    try:
        return Reference.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "whole file"
        raise ModelError(
            f"{path}: is no reference of training frames ({where}: {fault['msg']}); `sn7ml validate DATA --report DIR` "
            "writes one, DIR/reference.json"
        ) from None


def _values(facts: pd.DataFrame, fact: Fact) -> pd.Series:
    return facts[fact.name].dropna() if fact.name in facts else pd.Series(dtype="float64")


def _range(facts: pd.DataFrame, fact: Fact) -> Range | None:
    values = _values(facts, fact)
    if values.empty:
        return None
    medians = values.groupby(facts["aoi"]).median()
    low, high = np.quantile(values, (0.01, 0.99))
    return Range(
        frames=len(values),
        low=round(min(float(low), float(medians.min())), 6),
        high=round(max(float(high), float(medians.max())), 6),
        std=round(float(fact.scaled(values.to_numpy()).std()), 6),
        quantiles=tuple(round(float(quantile), 6) for quantile in np.quantile(values, QUANTILES)),
    )


def _finding(known: Reference, fact: Fact, aoi: str, frames: pd.DataFrame) -> Finding | None:
    values = _values(frames, fact)
    if values.empty or fact.name not in known.facts:
        return None
    span = known.facts[fact.name]
    value = float(values.median())
    spreads = float(_spreads(fact, span, np.array([value]))[0])
    level = LEVELS[(abs(spreads) > CARE) + (abs(spreads) > MISTRUST)]
    return Finding(
        aoi=aoi,
        fact=fact.name,
        label=fact.label,
        unit=fact.unit,
        value=round(value, 4),
        low=span.low,
        high=span.high,
        spreads=round(spreads, 2),
        frames=len(values),
        frames_outside=int((np.abs(_spreads(fact, span, values.to_numpy())) > CARE).sum()),
        level=min(level, fact.worst, key=LEVELS.index),
    )


def _spreads(fact: Fact, span: Range, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far values lie outside of a range: 0 inside, negative below it."""
    places, (low, high) = fact.scaled(values), fact.scaled(np.array([span.low, span.high]))
    above = np.zeros_like(places) if fact.harmless_above else np.maximum(places - high, 0.0)
    outside = above - np.maximum(low - places, 0.0)
    # Facts are rounded on their way through files: what differs by less does not differ.
    return np.where(np.abs(outside) < 1e-5, 0.0, outside) / fact.spread(span.std)


def _verdict(known: Reference, aoi: str, findings: Sequence[Finding]) -> AreaVerdict:
    if not findings:
        return AreaVerdict(aoi=aoi, level="not trusted", reasons=("no frame of it can be read",))
    worst = sorted((it for it in findings if it.level != "trusted"), key=lambda it: -abs(it.spreads))
    worst.sort(key=lambda it: -LEVELS.index(it.level))
    reasons = [str(finding) for finding in worst]
    level = worst[0].level if worst else "trusted"
    if len(known.aois) < FEW_AREAS and aoi not in known.aois:
        areas = "1 area" if len(known.aois) == 1 else f"{len(known.aois)} areas"
        reasons.append(f"the model learned from {areas} only, and this is another one")
        level = max(level, "with care", key=LEVELS.index)
    return AreaVerdict(aoi=aoi, level=level, reasons=tuple(reasons))


def _sentence(areas: Sequence[AreaVerdict]) -> str:
    if not areas:
        return "there are no frames to compare"
    worst = areas[0]
    alike = [area for area in areas if area.level == worst.level]
    if worst.level == "trusted":
        return f"the model can be trusted here: {_areas(len(areas))} like those it learned from"
    what = "is not to be trusted" if worst.level == "not trusted" else "is to be taken with care"
    others = f" and {len(alike) - 1} more" if len(alike) > 1 else ""
    reasons = "; ".join(worst.reasons[:3])
    return f"the model {what} on {len(alike)} of {_areas(len(areas))}: {worst.aoi}{others} ({reasons})"


def _areas(count: int) -> str:
    return f"{count} area{'' if count == 1 else 's'}"


def _ks(known: Reference, fact: Fact, new: pd.DataFrame) -> float | None:
    """Return the largest difference between the shares of training and of new frames below any value."""
    values = _values(new, fact).to_numpy(np.float64)
    span = known.facts.get(fact.name)
    if span is None or min(len(values), span.frames) < ENOUGH_FRAMES:
        return None
    trained = np.interp(np.linspace(0.0, 1.0, 10 * len(QUANTILES)), QUANTILES, span.quantiles)
    return round(float(stats.ks_2samp(trained, values, method="asymp").statistic), 3)
