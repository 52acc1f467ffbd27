"""Compare new frames with those that a model learned from. Loads neither torch nor Great Expectations.

Every fact of a new AOI (the median over its months, so that one odd month does not decide) is compared with the range
of the training frames. The distance outside that range is measured in *spreads*: the standard deviation among the
training frames, or, if that is smaller, the ``floor`` of the fact: a difference too small to matter. Up to 1 spread is
"trusted", up to 3 "with care", more "not trusted"; the worst fact decides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy import stats

from sn7ml.core.errors import ModelError
from sn7ml.core.safe_files import MIB, read_text
from sn7ml.validation.facts.data_profile import COLOURS, profile_frames

Level = Literal["trusted", "with care", "not trusted"]
LEVELS: tuple[Level, ...] = ("trusted", "with care", "not trusted")

CARE, MISTRUST = 1.0, 3.0
"""Spreads outside the training range above which results are to be taken with care, and are not to be trusted."""

FEW_AOIS = 5
"""With fewer training AOIs, their differences are unknown: elsewhere the model is to be taken with care."""

ENOUGH_FRAMES = 20
"""Least number on both sides for comparing distributions."""

MOST_BYTES = MIB
"""Largest profile that is read; ours have 4 kB, and 30 bytes more for each AOI."""

QUANTILES = tuple(n / 20 for n in range(21))

DENSITY = "buildings_km2"


class Frozen(BaseModel):
    """A part of what is written to files."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Range(Frozen):
    """One fact over the training frames, in the fact's own unit."""

    frames: int = Field(ge=1)
    """Number of frames in which the fact is known."""

    low: float
    high: float
    """The 1st and 99th percentile of the frames, or the lowest and highest median of an area if that is farther out."""

    std: float = Field(ge=0)
    """On the scale of the fact: that of logarithms if it is compared by factors."""

    quantiles: tuple[float, ...] = Field(min_length=len(QUANTILES), max_length=len(QUANTILES))
    """At ``QUANTILES``, from the lowest frame to the highest."""

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if self.low > self.high or list(self.quantiles) != sorted(self.quantiles):
            raise ValueError("expected low to be at most high, and quantiles in order")
        return self


@dataclass(frozen=True)
class Fact:
    """A fact that is compared."""

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

    def known(self, facts: pd.DataFrame) -> NDArray[np.float64]:
        """Return the values of all frames in which the fact is known."""
        return facts[self.name].dropna().to_numpy(np.float64) if self.name in facts else np.empty(0)

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values on the scale on which distances are measured."""
        return np.log(np.maximum(values, 1.0 if self.name == DENSITY else 1e-6)) if self.ratio else values

    def spreads(self, values: NDArray[np.float64], span: Range) -> NDArray[np.float64]:
        """Return the distance of values from a range in spreads: 0 inside, negative below it."""
        places, (low, high) = self.scaled(values), self.scaled(np.array([span.low, span.high]))
        above = np.zeros_like(places) if self.harmless_above else np.maximum(places - high, 0.0)
        outside = above - np.maximum(low - places, 0.0)
        # Facts are rounded in files, so smaller differences are none.
        spread = max(span.std, math.log(self.floor) if self.ratio else self.floor)
        return np.where(np.abs(outside) < 1e-5, 0.0, outside) / spread

    def drift(self, aoi: str, values: NDArray[np.float64], span: Range) -> "FactDrift":
        """Compare the values of one AOI's frames, at least one, with the training frames."""
        value = float(np.median(values))
        spreads = float(self.spreads(np.array([value]), span)[0])
        level = LEVELS[(abs(spreads) > CARE) + (abs(spreads) > MISTRUST)]
        return FactDrift(
            aoi=aoi,
            fact=self.name,
            label=self.label,
            unit=self.unit,
            value=round(value, 4),
            low=span.low,
            high=span.high,
            spreads=round(spreads, 2),
            frames=len(values),
            frames_outside=int((np.abs(self.spreads(values, span)) > CARE).sum()),
            level=min(level, self.worst, key=LEVELS.index),
        )


FACTS = (
    *(Fact(f"brightness_{colour}", f"brightness, {colour}", "grey levels", 10.0) for colour in COLOURS),
    *(Fact(f"contrast_{colour}", f"contrast, {colour}", "grey levels", 6.0) for colour in COLOURS),
    Fact("ground_px_m", "ground pixel size", "m", 1.15, ratio=True),
    Fact(DENSITY, "building density", "buildings/km²", 1.5, ratio=True),
    Fact("noon_sun_deg", "season (noon sun)", "° above the horizon", 8.0, worst="with care"),
    Fact("usable_fraction", "usable fraction", "of the image", 0.15, worst="with care", harmless_above=True),
)


class DataProfile(Frozen):
    """Data profile of training frames; small enough to travel with a model."""

    schema_version: Literal[1] = 1
    aois: tuple[str, ...] = Field(min_length=1)
    months: tuple[str, str]
    """First and last."""

    frames: int = Field(ge=1)
    facts: dict[str, Range]
    """Name to range; a fact that is known of no frame is left out."""


class FactDrift(Frozen):
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
    """Distance from low … high; 0 inside, negative below."""

    frames: int
    frames_outside: int
    """Months more than ``CARE`` spreads outside."""

    level: Level

    def __str__(self) -> str:
        side = "above" if self.spreads > 0 else "below"
        where = f"{abs(self.spreads):.1f} spreads {side} training's" if self.spreads else "within training's"
        return f"{self.label} {self.value:.4g} {self.unit}, {where} {self.low:.4g} to {self.high:.4g}"


class AoiTrust(Frozen):
    """Whether to trust the model on one AOI, and why not."""

    aoi: str
    level: Level
    reasons: tuple[str, ...]
    """The worst first; empty if trusted."""

    @classmethod
    def of(cls, aoi: str, findings: Sequence[FactDrift], known: DataProfile) -> "AoiTrust":
        """Conclude from what was found about an AOI; nothing is found where no frame can be read."""
        if not findings:
            return cls(aoi=aoi, level="not trusted", reasons=("no frame of it can be read",))
        worst = [finding for finding in findings if finding.level != "trusted"]
        worst.sort(key=lambda finding: (-LEVELS.index(finding.level), -abs(finding.spreads)))
        reasons = [str(finding) for finding in worst]
        level = worst[0].level if worst else "trusted"
        if len(known.aois) < FEW_AOIS and aoi not in known.aois:
            reasons.append(f"the model learned from {_areas(len(known.aois))} only, and this is another one")
            level = max(level, "with care", key=LEVELS.index)
        return cls(aoi=aoi, level=level, reasons=tuple(reasons))


class Drift(Frozen):
    """New frames compared with a data profile."""

    schema_version: Literal[1] = 1
    level: Level
    """That of the worst AOI."""

    sentence: str
    areas: tuple[AoiTrust, ...]
    """The worst first, then by name."""

    findings: tuple[FactDrift, ...]
    """Every fact of every area that both sides know, in order of area and fact."""

    distributions: dict[str, float]
    """Fact to the Kolmogorov-Smirnov distance of all new frames to all training frames: 0 alike, 1 apart. Empty with
    fewer than ``ENOUGH_FRAMES`` on a side. It decides nothing: a single season is far from a whole year, and still
    within it."""


def make_profile(facts: pd.DataFrame) -> DataProfile:
    """Summarise ``FRAME_PROFILES`` of training frames, with or without a column ``buildings_km2``.

    Raises ModelError if no frame could be read.
    """
    known = facts[facts["fault"] == ""]
    if known.empty:
        first = f"; the first: {facts['file'].iloc[0]}: {facts['fault'].iloc[0]}" if len(facts) else ""
        raise ModelError(
            "drift.no-frames", f"none of {len(facts)} frames can be read, so there is nothing to compare with{first}"
        )
    ranges = {}
    for fact in FACTS:
        values = fact.known(known)
        if not len(values):
            continue
        medians = known.groupby("aoi")[fact.name].median()
        low, high = np.quantile(values, (0.01, 0.99))
        ranges[fact.name] = Range(
            frames=len(values),
            low=round(min(float(low), float(medians.min())), 6),
            high=round(max(float(high), float(medians.max())), 6),
            std=round(float(fact.scaled(values).std()), 6),
            quantiles=tuple(round(float(quantile), 6) for quantile in np.quantile(values, QUANTILES)),
        )
    return DataProfile(
        aois=tuple(sorted(known["aoi"].unique())),
        months=(known["time"].min(), known["time"].max()),
        frames=len(known),
        facts=ranges,
    )


def read_profile(path: Path) -> DataProfile:
    """Read a profile that ``DataProfile.model_dump_json`` wrote. Raises ModelError."""
    try:
        return DataProfile.model_validate_json(read_text(path, MOST_BYTES))
    except OSError as error:
        raise ModelError("drift.cannot-read", f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:  # a ValueError, so it must come before that
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "whole file"
        raise ModelError(
            "drift.not-a-reference",
            f"{path}: is no reference of training frames ({where}: {first['msg']}); `sn7ml validate DATA --report DIR` "
            "writes one, DIR/reference.json",
        ) from None
    except ValueError as error:
        raise ModelError("drift.not-json", f"{path}: cannot be read ({error})") from None


def with_density(facts: pd.DataFrame, counts: pd.DataFrame | None) -> pd.DataFrame:
    """Add ``buildings_km2`` to ``FRAME_PROFILES``; without ``counts``, return them as they are.

    ``counts`` has columns aoi, time and n, the labelled or predicted buildings of a frame. Frames that it lacks get no
    density.
    """
    if counts is None:
        return facts
    counted = facts.merge(counts[["aoi", "time", "n"]], on=["aoi", "time"], how="left")
    area = counted["usable_km2"].where(counted["usable_km2"] > 0)
    return facts.assign(buildings_km2=(counted["n"].astype("float64") / area).round(3).to_numpy())


def drift_of_frames(root: Path, frames: pd.DataFrame, known: DataProfile, counts: pd.DataFrame | None = None) -> Drift:
    """Compare the images of ``FRAMES`` or ``SOURCES`` with a profile; ``counts`` as :func:`with_density` takes them."""
    return compare(known, with_density(profile_frames(root, frames), counts))


def compare(known: DataProfile, new: pd.DataFrame) -> Drift:
    """Compare new frames, given as to :func:`make_profile`, with a profile of training frames.

    Facts that either side lacks are not compared. "trusted" if there are no frames at all.
    """
    compared = [(fact, known.facts[fact.name]) for fact in FACTS if fact.name in known.facts]
    findings: list[FactDrift] = []
    areas: list[AoiTrust] = []
    for aoi, frames in new.groupby("aoi", sort=True):
        found = [fact.drift(str(aoi), values, span) for fact, span in compared if len(values := fact.known(frames))]
        areas.append(AoiTrust.of(str(aoi), found, known))
        findings += found
    areas.sort(key=lambda area: -LEVELS.index(area.level))
    distributions = {}
    for fact, span in compared:
        values = fact.known(new)
        if min(len(values), span.frames) >= ENOUGH_FRAMES:  # the training frames are rebuilt from their quantiles
            trained = np.interp(np.linspace(0.0, 1.0, 10 * len(QUANTILES)), QUANTILES, span.quantiles)
            distributions[fact.name] = round(float(stats.ks_2samp(trained, values, method="asymp").statistic), 3)
    return Drift(
        level=areas[0].level if areas else "trusted",
        sentence=_sentence(areas),
        areas=tuple(areas),
        findings=tuple(findings),
        distributions=distributions,
    )


def _sentence(areas: Sequence[AoiTrust]) -> str:
    if not areas:
        return "there are no frames to compare"
    worst = areas[0]
    alike = sum(area.level == worst.level for area in areas)
    if worst.level == "trusted":
        return f"the model can be trusted here: {_areas(len(areas))} like those it learned from"
    what = "is not to be trusted" if worst.level == "not trusted" else "is to be taken with care"
    others = f" and {alike - 1} more" if alike > 1 else ""
    reasons = "; ".join(worst.reasons[:3])
    return f"the model {what} on {alike} of {_areas(len(areas))}: {worst.aoi}{others} ({reasons})"


def _areas(count: int) -> str:
    return f"{count} area{'' if count == 1 else 's'}"
