"""Light, weather and position of the image in one month: sun, haze, gain, clouds and shift."""

from dataclasses import dataclass

import numpy as np

from sn7ml.synthetic.chance import Floats, between, blurred, fractal_noise
from sn7ml.synthetic.place import Place

CLOUDY_SHARE = 0.12


@dataclass(frozen=True)
class Sky:
    """The weather and the light of one frame."""

    greenness: float
    """0 the dry season, 1 the green one."""

    shadow_px: tuple[float, float]
    """Offset of a house's shadow, rows and columns."""

    shift_px: tuple[float, float]
    """Offset of the image from the labels, down and right."""

    gain: tuple[float, float, float]
    haze: float
    """Share of the light that comes from the air, 0 to 1."""

    seam: tuple[float, float, float] | None
    """Mosaic of two days: the second begins where ``a * row + b * col > 0.5``, lit ``c`` times as much."""


def sky_of(place: Place, month: int) -> Sky:
    """Draw the sky of a month; the season follows the calendar (winter is green and has long shadows)."""
    rng = place.stream("sky", month)
    winter = round(0.5 + 0.5 * float(np.cos(2 * np.pi * (month % 12) / 12)), 6)
    light = between(rng, 0.88, 1.10) * (1.06 - 0.26 * winter)
    warm = between(rng, -0.03, 0.03)
    length = 0.6 + 0.9 * winter
    return Sky(
        greenness=min(1.0, max(0.0, 0.15 + 0.7 * winter + between(rng, -0.15, 0.15))),
        shadow_px=(-length, -0.55 * length),
        shift_px=(between(rng, -0.45, 0.45), between(rng, -0.45, 0.45)),
        gain=(light * (1 + warm), light, light * (1 - warm)),
        haze=between(rng, 0.0, 0.06) if rng.random() < 0.75 else between(rng, 0.08, 0.2),
        seam=(turn := between(rng, 0.0, 1.0), 1 - turn, between(rng, 0.9, 1.1)) if rng.random() < 0.3 else None,
    )


def cloud_cover(place: Place, month: int) -> Floats:
    """Draw how thick the clouds of a month are, 0 (clear) to 1; (rows, cols).

    One month in the middle is cloudy wherever there are three frames, and some are by chance: cloud over 5 to 20 % of
    the image.
    """
    rng = place.stream("clouds")
    frames = place.frames()
    cloudy = {frame for frame in frames if rng.random() < CLOUDY_SHARE}
    if len(frames) > 2:
        cloudy.add(frames[int(rng.integers(1, len(frames) - 1))])
    if month not in cloudy:
        return np.zeros(place.shape, dtype=np.float32)
    rng = place.stream("clouds", month + 1)
    height = blurred(fractal_noise(rng, place.shape, max(16, max(place.shape) // 4), 4), 1.5)
    share = between(rng, 0.05, 0.2)
    level = np.sort(height, axis=None)[int((1 - share) * height.size)]
    return np.asarray(np.clip((height - level) * 12 + 0.5, 0, 1), dtype=np.float32)
