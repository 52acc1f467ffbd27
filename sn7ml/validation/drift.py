"""Compare new frames with those that a model learned from. Loads neither torch nor Great Expectations.

Every fact of a new AOI (the median over its months, so that one odd month does not decide) is compared with the range
of the training frames. The distance outside that range is measured in *spreads*: the standard deviation among the
training frames, or, if that is smaller, the ``floor`` of the fact: a difference too small to matter. Up to 1 spread is
"trusted", up to 3 "with care", more "not trusted"; the worst fact decides.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from sn7ml.core.errors import ModelError
from sn7ml.validation.drift_record import (
    CARE,
    ENOUGH_FRAMES,
    FACTS,
    FEW_AOIS,
    LEVELS,
    MISTRUST,
    QUANTILES,
    AoiTrust,
    DataProfile,
    Drift,
    Fact,
    FactDrift,
    Range,
    read_profile,
)
from sn7ml.validation.facts.data_profile import profile_frames

__all__ = [
    "FACTS",
    "DataProfile",
    "Drift",
    "FactDrift",
    "compare",
    "drift_of_frames",
    "make_profile",
    "read_profile",
    "with_density",
]


def make_profile(facts: pd.DataFrame) -> DataProfile:
    """Summarise the facts of training frames.

    Parameters
    ----------
    facts
        ``FRAME_PROFILES``, with a column ``buildings_km2`` (:func:`with_density`) or without.

    Raises
    ------
    ModelError
        If not one frame could be read.
    """
    known = facts[facts["fault"] == ""]
    if known.empty:
        first = f"; the first: {facts['file'].iloc[0]}: {facts['fault'].iloc[0]}" if len(facts) else ""
        raise ModelError(
            "drift.no-frames", f"none of {len(facts)} frames can be read, so there is nothing to compare with{first}"
        )
    ranges = {}
    for fact in FACTS:
        values = _values(known, fact)
        if values.empty:
            continue
        medians = values.groupby(known["aoi"]).median()
        low, high = np.quantile(values, (0.01, 0.99))
        ranges[fact.name] = Range(
            frames=len(values),
            low=round(min(float(low), float(medians.min())), 6),
            high=round(max(float(high), float(medians.max())), 6),
            std=round(float(fact.scaled(values.to_numpy()).std()), 6),
            quantiles=tuple(round(float(quantile), 6) for quantile in np.quantile(values, QUANTILES)),
        )
    return DataProfile(
        aois=tuple(sorted(known["aoi"].unique())),
        months=(known["time"].min(), known["time"].max()),
        frames=len(known),
        facts=ranges,
    )


def with_density(facts: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Add ``buildings_km2`` to ``FRAME_PROFILES``.

    Parameters
    ----------
    facts
        ``FRAME_PROFILES``.
    counts
        Columns aoi, time and n: buildings of a frame, labelled or predicted. Frames that are not in it get no density.
    """
    counted = facts.merge(counts[["aoi", "time", "n"]], on=["aoi", "time"], how="left")
    area = counted["usable_km2"].where(counted["usable_km2"] > 0)
    return facts.assign(buildings_km2=(counted["n"].astype("float64") / area).round(3).to_numpy())


def compare(known: DataProfile, new: pd.DataFrame) -> Drift:
    """Compare the facts of new frames with a profile of training frames.

    Parameters
    ----------
    known
        Profile of the training frames.
    new
        As :func:`make_profile` takes them. Facts that either side lacks are not compared.

    Returns
    -------
    Drift
        Equal facts give equal results. "trusted" if there are no frames at all.
    """
    findings: list[FactDrift] = []
    areas: list[AoiTrust] = []
    for aoi, frames in new.groupby("aoi", sort=True):
        found = [finding for fact in FACTS if (finding := _fact_drift(known, fact, str(aoi), frames)) is not None]
        areas.append(_trust(known, str(aoi), found))
        findings += found
    areas.sort(key=lambda area: -LEVELS.index(area.level))
    return Drift(
        level=areas[0].level if areas else "trusted",
        sentence=_sentence(areas),
        areas=tuple(areas),
        findings=tuple(findings),
        distributions={fact.name: distance for fact in FACTS if (distance := _ks(known, fact, new)) is not None},
    )


def drift_of_frames(root: Path, frames: pd.DataFrame, known: DataProfile, counts: pd.DataFrame | None = None) -> Drift:
    """Compare the images of ``FRAMES`` or ``SOURCES`` with a profile; ``counts`` as :func:`with_density` takes them."""
    facts = profile_frames(root, frames)
    return compare(known, facts if counts is None else with_density(facts, counts))


def _values(facts: pd.DataFrame, fact: Fact) -> pd.Series:
    return facts[fact.name].dropna() if fact.name in facts else pd.Series(dtype="float64")


def _fact_drift(known: DataProfile, fact: Fact, aoi: str, frames: pd.DataFrame) -> FactDrift | None:
    values = _values(frames, fact)
    if values.empty or fact.name not in known.facts:
        return None
    span = known.facts[fact.name]
    value = float(values.median())
    spreads = float(_spreads(fact, span, np.array([value]))[0])
    level = LEVELS[(abs(spreads) > CARE) + (abs(spreads) > MISTRUST)]
    return FactDrift(
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
    """Return the distance of values from a range in spreads: 0 inside, negative below it."""
    places, (low, high) = fact.scaled(values), fact.scaled(np.array([span.low, span.high]))
    above = np.zeros_like(places) if fact.harmless_above else np.maximum(places - high, 0.0)
    outside = above - np.maximum(low - places, 0.0)
    # Facts are rounded in files, so smaller differences are none.
    return np.where(np.abs(outside) < 1e-5, 0.0, outside) / fact.spread(span.std)


def _trust(known: DataProfile, aoi: str, findings: Sequence[FactDrift]) -> AoiTrust:
    if not findings:
        return AoiTrust(aoi=aoi, level="not trusted", reasons=("no frame of it can be read",))
    worst = sorted((it for it in findings if it.level != "trusted"), key=lambda it: -abs(it.spreads))
    worst.sort(key=lambda it: -LEVELS.index(it.level))
    reasons = [str(finding) for finding in worst]
    level = worst[0].level if worst else "trusted"
    if len(known.aois) < FEW_AOIS and aoi not in known.aois:
        areas = "1 area" if len(known.aois) == 1 else f"{len(known.aois)} areas"
        reasons.append(f"the model learned from {areas} only, and this is another one")
        level = max(level, "with care", key=LEVELS.index)
    return AoiTrust(aoi=aoi, level=level, reasons=tuple(reasons))


def _sentence(areas: Sequence[AoiTrust]) -> str:
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


def _ks(known: DataProfile, fact: Fact, new: pd.DataFrame) -> float | None:
    """Return the Kolmogorov-Smirnov distance between training frames, rebuilt from their quantiles, and new frames."""
    values = _values(new, fact).to_numpy(np.float64)
    span = known.facts.get(fact.name)
    if span is None or min(len(values), span.frames) < ENOUGH_FRAMES:
        return None
    trained = np.interp(np.linspace(0.0, 1.0, 10 * len(QUANTILES)), QUANTILES, span.quantiles)
    return round(float(stats.ks_2samp(trained, values, method="asymp").statistic), 3)
