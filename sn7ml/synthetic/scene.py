"""One month of a synthetic AOI as the satellite sees it: sun, haze, clouds, and where the image lies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sn7ml.synthetic.canvas import FINE, canvas_shape, drawn, sensed, shifted
from sn7ml.synthetic.chance import Floats, bell_noise, between, blurred, fractal_noise, value_noise
from sn7ml.synthetic.ground import Ground, paint_ground
from sn7ml.synthetic.place import Place
from sn7ml.synthetic.town import SETTLED, WILD, TownLives, build_town, draw_lives

SHARPNESS_PX = 0.7
"""Deviation of the blur of optics and resampling, besides the pixel itself."""

ROOFS = ((252, 234, 204), (206, 176, 142), (206, 152, 112), (184, 160, 128), (156, 140, 116), (112, 102, 86))
"""White and metal, sand, tiles, brown, grey, slate: RGB."""

ROOF_SHARES = {"house": (0.06, 0.34, 0.20, 0.22, 0.12, 0.06), "hall": (0.6, 0.14, 0.02, 0.08, 0.12, 0.04)}
HAZE_COLOUR = (148, 146, 146)
CLOUDY_SHARE = 0.12


@dataclass(frozen=True)
class SyntheticAoi:
    """Everything about a synthetic AOI that its months share."""

    place: Place
    lives: TownLives
    ground: Ground
    roofs: NDArray[np.int32]
    """Id + 1 on the canvas, whether or not the building stands."""

    roof_colours: Floats
    """RGB by id + 1, (buildings + 1, 3)."""


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


def build_aoi(place: Place) -> SyntheticAoi:
    """Build the town of an AOI and paint what its months share."""
    town = build_town(place)
    lives = draw_lives(town, place)
    rng = place.stream("roofs")
    groups = 1 + max((building.group for building in lives.buildings), default=0)
    street_ranks = rng.random(groups)
    colours = [(0.0, 0.0, 0.0)]
    for building in lives.buildings:
        # A street has roofs of a kind, with exceptions.
        rank = street_ranks[building.group] if rng.random() < 0.75 else rng.random()
        shares = ROOF_SHARES["hall" if building.outline.area > 30 else "house"]
        red, green, blue = ROOFS[min(int(np.searchsorted(np.cumsum(shares), rank)), len(ROOFS) - 1)]
        tone = 0.88 + 0.28 * rng.random()
        colours.append((red * tone, green * tone, blue * tone))
    roofs = drawn([building.outline for building in lives.buildings], place.shape, place.fine)
    return SyntheticAoi(place, lives, paint_ground(town, place), roofs, np.array(colours, dtype=np.float32))


def see(aoi: SyntheticAoi, month: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the image of a month (an index in the calendar), and which of its pixels are unusable.

    RGB (3, rows, cols), clouds included, and (rows, cols): clouds and their edges.
    """
    place = aoi.place
    sky = sky_of(place, month)
    image = shifted(paint(aoi, sky, month), sky.shift_px)
    image = lit(sensed(blurred(image, SHARPNESS_PX * FINE), place.shape), sky)
    image += noise(place, month, place.shape)
    cover = cloud_cover(place, month)
    image += (np.float32(232) - image) * cover
    # Rounded to 1/64 first, so that the last bit of a float does not decide between two greys.
    grey = np.floor(np.round(image * 64) / 64 + 0.5)
    return np.clip(grey, 1, 255).astype(np.uint8), cover > 0.05


def lit(image: Floats, sky: Sky) -> Floats:
    """Return an image (3, rows, cols) in the light of its day, through the air."""
    gain, haze = (np.array(each, dtype=np.float32)[:, np.newaxis, np.newaxis] for each in (sky.gain, HAZE_COLOUR))
    if sky.seam is not None:
        rows, cols = image.shape[1:]
        down, right, light = sky.seam
        across = down * (np.arange(rows) / rows)[:, np.newaxis] + right * (np.arange(cols) / cols)
        gain = gain * np.where(across > 0.5, np.float32(light), np.float32(1))
    air = np.float32(round(sky.haze, 4))
    return np.asarray(image * gain * (1 - air) + haze * air, dtype=np.float32)


def noise(place: Place, month: int, shape: tuple[int, int]) -> Floats:
    """Draw the noise of the sensor, mostly common to the bands and smeared by resampling: (3, rows, cols)."""
    rng = place.stream("sensor", month)
    grain = blurred(bell_noise(rng, shape), 0.6) * np.float32(3.2)
    return np.asarray(grain + bell_noise(rng, (3, *shape)) * np.float32(0.7))


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

    One month in the middle is cloudy wherever there are three frames, and others by chance: cloud covers 5 to 20 % of
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


def paint(aoi: SyntheticAoi, sky: Sky, month: int) -> Floats:
    """Paint ground, streets, things, shadows and roofs on the canvas, (3, rows, cols)."""
    ground = aoi.ground
    green = np.float32(round(sky.greenness * ground.seasons, 4))
    image = ground.wild_dry + (ground.wild_green - ground.wild_dry) * green
    state = np.concatenate([[WILD], aoi.lives.ground(month), [SETTLED]])  # as layers number the groups
    for layer in ground.layers:
        np.copyto(image, layer.colours, where=state[layer.groups] >= layer.state)
    standing = np.concatenate([[False], aoi.lives.standing(month)])[aoi.roofs]
    fine = aoi.place.fine
    down, right = (round(each * fine) for each in sky.shadow_px)
    image *= np.where(np.roll(standing, (down, right), (0, 1)) & ~standing, np.float32(0.62), np.float32(1))
    rng = aoi.place.stream("roofs", 1)  # the same in every month
    tone = 1 + np.float32(0.08) * value_noise(rng, canvas_shape(aoi.place.shape, fine), 2 * fine)
    np.copyto(image, aoi.roof_colours.T[:, aoi.roofs] * tone, where=standing)
    return image
