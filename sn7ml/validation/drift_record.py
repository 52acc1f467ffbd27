"""What is compared with training frames, and the result, as files hold them."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sn7ml.core.errors import ModelError
from sn7ml.core.safe_files import MIB, read_text

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

    frames: int = Field(ge=1)
    """Number of frames that have it."""

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


class DataProfile(Frozen):
    """Data profile of training frames; small enough to travel with a model."""

    schema_version: Literal[1] = 1
    aois: tuple[str, ...] = Field(min_length=1)
    months: tuple[str, str]
    """First and last."""

    frames: int = Field(ge=1)
    facts: dict[str, Range]
    """Name to range; a fact that no frame has is left out."""


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


class Drift(Frozen):
    """New frames compared with a data profile."""

    schema_version: Literal[1] = 1
    level: Level
    """That of the worst AOI."""

    sentence: str
    areas: tuple[AoiTrust, ...]
    """The worst first, then by name."""

    findings: tuple[FactDrift, ...]
    """Every fact of every area that both sides have, in order of area and fact."""

    distributions: dict[str, float]
    """Fact to the Kolmogorov-Smirnov distance of all new frames to all training frames: 0 alike, 1 apart. Empty with
    fewer than ``ENOUGH_FRAMES`` on a side. It decides nothing: a single season is far from a whole year, and still
    within it."""


def read_profile(path: Path) -> DataProfile:
    """Read a profile that ``DataProfile.model_dump_json`` wrote. Raises ModelError."""
    try:
        text = read_text(path, MOST_BYTES)
    except OSError as error:
        raise ModelError("drift.cannot-read", f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ModelError("drift.not-json", f"{path}: cannot be read ({error})") from None
    try:
        return DataProfile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "whole file"
        raise ModelError(
            "drift.not-a-reference",
            f"{path}: is no reference of training frames ({where}: {first['msg']}); `sn7ml validate DATA --report DIR` "
            "writes one, DIR/reference.json",
        ) from None
