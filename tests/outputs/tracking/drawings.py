"""Frames drawn by hand: letters are buildings, dots are ground, question marks cannot be seen."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sn7ml.core.geo.burn import Ids
from sn7ml.core.geo.probabilities import Probabilities
from sn7ml.params import (
    BaselineParams,
    BirthParams,
    ChangepointParams,
    CollapseParams,
    InstanceParams,
    PeakParams,
    TrackParams,
)
from sn7ml.targets.rims import boundary_mask, contact_mask

Method = Literal["changepoint", "collapse", "baseline"]

UNSEEN = "?"

SEEN_PERFECTLY = {"after_logit": 5.0}
"""Changes to ``birth_params`` that suit perfect probabilities: what stands has 255 in every month, log-odds of 5.5."""


def picture(drawing: str) -> NDArray[np.str_]:
    """Return one letter per pixel."""
    return np.array([list(line.strip()) for line in drawing.split()])


def ids_of(drawing: str, upsampling: int = 1) -> Ids:
    """Number the buildings drawn: a is 1, b is 2 and so on; ground and what cannot be seen are 0."""
    letters = picture(drawing)
    codes = np.vectorize(ord, otypes=[np.int32])(letters) - ord("a") + 1
    ids = np.where(np.char.isalpha(letters), codes, 0).astype(np.int32)
    return np.kron(ids, np.ones((upsampling, upsampling), np.int32))


def perfect(ids: Ids, usable: NDArray[np.bool_] | None = None, sure: int = 255) -> Probabilities:
    """Return what a network without a fault would say of an image of ids."""
    masks = np.stack([ids > 0, boundary_mask(ids), contact_mask(ids, 1)])
    everywhere = np.ones(ids.shape, dtype=bool)
    return Probabilities(masks.astype(np.uint8) * np.uint8(sure), everywhere if usable is None else usable)


def frame(drawing: str, upsampling: int = 1, sure: int = 255) -> Probabilities:
    """Return perfect probabilities of a drawing; black where it cannot be seen."""
    block = np.ones((upsampling, upsampling), dtype=bool)
    return perfect(ids_of(drawing, upsampling), np.kron(picture(drawing) != UNSEEN, block), sure)


def heights(drawing: str) -> NDArray[np.float32]:
    """Return evidence drawn in tenths, from 1 to 9; dots are 0."""
    digits = np.char.replace(picture(drawing), ".", "0").astype(np.float32)
    return (digits / 10).astype(np.float32)


def shaded(drawing: str, sure: Mapping[str, int]) -> Probabilities:
    """Return a frame in which some letters are seen less well than the others."""
    image = frame(drawing)
    for letter, value in sure.items():
        image.channels[:, picture(drawing) == letter] = np.minimum(
            image.channels[:, picture(drawing) == letter], np.uint8(value)
        )
    return image


class CountingCube(dict[str, Probabilities]):
    """Counts how often a month is read."""

    reads = 0

    def __getitem__(self, month: str) -> Probabilities:
        self.reads += 1
        return super().__getitem__(month)


def cube_of(frames: list[Probabilities]) -> Mapping[str, Probabilities]:
    """Name frames by month, from 2018-01 on (at most 24)."""
    return {f"{2018 + index // 12}-{index % 12 + 1:02d}": image for index, image in enumerate(frames)}


def instance_params(**changes: float) -> InstanceParams:
    """Return thresholds that suit perfect probabilities."""
    plain = {
        "seed_threshold": 0.5,
        "flood_threshold": 0.3,
        "boundary_weight": 0.3,
        "contact_weight": 0.5,
        "min_area_px2": 0.0,
        "simplify_px": 0.0,
    }
    return InstanceParams(**{**plain, **changes})


def peak_params(**changes: float) -> PeakParams:
    """Return the params of peaks in ``params.yaml``, for buildings of any size and with unchanged outlines."""
    plain = {
        "smooth_px": 0.0,
        "seed_threshold": 0.3,
        "seed_step": 0.1,
        "flood_ratio": 0.4,
        "boundary_weight": 0.3,
        "contact_weight": 0.5,
        "min_area_px2": 0.0,
        "simplify_px": 0.0,
    }
    return PeakParams(**{**plain, **changes})


def birth_params(**changes: float) -> BirthParams:
    """Return the model of births of ``params.yaml``, neighbours left out."""
    plain = {
        "before_logit": -5.0,
        "before_spread": 1.0,
        "after_logit": -1.0,
        "after_spread": 2.0,
        "levels_worth": 1e9,
        "evidence_weight": 0.5,
        "brightness_weight": 0.3,
        "birth_prior": 0.05,
        "neighbour_px": 8.0,
        "neighbour_weight": 0.0,
        "month_offset": 0,
        "min_log_ratio": 0.0,
        "min_probability": 0.2,
    }
    return BirthParams.model_validate({**plain, **changes})


def changepoint_params(**births: float) -> ChangepointParams:
    """Return the params of the tracker ``changepoint``."""
    return ChangepointParams(
        change=peak_params(),
        static=peak_params(),
        tail_months=3,
        births=birth_params(**births),
        min_tail=0.0,
        min_mean=0.3,
        max_overlap=0.3,
    )


def track_params(
    method: Method = "collapse", min_iou: float = 0.2, births: Mapping[str, float] | None = None, **instances: float
) -> TrackParams:
    """Return the params of ``params.yaml``, with thresholds that suit perfect probabilities."""
    return TrackParams(
        method=method,
        instances=instance_params(**instances),
        changepoint=changepoint_params(**(births or {})),
        collapse=CollapseParams(mean_floor=0.1, birth_jump=0.25, min_mean=0.3),
        baseline=BaselineParams(min_iou=min_iou),
    )
