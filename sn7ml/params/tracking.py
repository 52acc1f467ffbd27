"""Params of what is made of probabilities: footprints and tracks."""

from typing import Literal

from pydantic import Field

from sn7ml.params.learning import Space
from sn7ml.params.section import Section, Split


class PartingParams(Section):
    """What every way of parting an image into single buildings needs."""

    boundary_weight: float = Field(ge=0, le=1)
    """How much the boundary channel lowers the evidence (see ``sn7ml.outputs.tracking.instances.weigh``)."""

    contact_weight: float = Field(ge=0, le=1)
    """How much the contact channel lowers the evidence, likewise."""

    min_area_px2: float = Field(ge=0)
    """Smaller buildings are dropped, px² of the original image."""

    simplify_px: float = Field(ge=0)
    """Tolerance of outline simplification, pixels of the original image."""


class InstanceParams(PartingParams):
    """From probabilities to single buildings: a watershed."""

    seed_threshold: float = Field(ge=0, le=1)
    """A building grows from pixels whose evidence is above this."""

    flood_threshold: float = Field(ge=0, le=1)
    """It grows over pixels whose footprint probability is above this."""


class CollapseParams(Section):
    """Temporal collapse: one geometry per building, its birth from the jump of its mean probability."""

    mean_floor: float = Field(ge=0, le=1)
    """Probabilities up to this count as 0 in a pixel's mean over months."""

    birth_jump: float = Field(ge=0, le=1)
    """A building is born at the largest rise of its mean probability (after minus before) if that is above this and the mean
    before is at most ``min_mean``."""

    min_mean: float = Field(ge=0, le=1)
    """A building without a birth is kept, for all months, if its mean probability is above this; one that was above it before its
    largest rise has no birth."""


class PeakParams(PartingParams):
    """From evidence to single buildings: a building is a peak and what lies around it (``sn7ml.outputs.tracking.peaks``)."""

    smooth_px: float = Field(ge=0)
    """Standard deviation of the Gaussian that smooths the evidence, pixels of the original image."""

    seed_threshold: float = Field(gt=0, lt=1)
    """A peak lower than this is no building."""

    seed_step: float = Field(gt=0, lt=1)
    """Two peaks are two buildings if the saddle between them is lower than the lower peak by about this share of it."""

    flood_ratio: float = Field(gt=0, lt=1)
    """A building reaches down to this share of its peak."""


class BirthParams(Section):
    """When a building was born: a change of rate in its series of log-odds (``sn7ml.outputs.tracking.births``)."""

    before_logit: float
    """Mean log-odds of a footprint where nothing stands yet, as expected before an AOI's series are looked at."""

    before_spread: float = Field(gt=0)
    """Standard deviation around it."""

    after_logit: float
    """Mean log-odds where the building stands, likewise."""

    after_spread: float = Field(gt=0)
    """Standard deviation around it."""

    levels_worth: float = Field(gt=0)
    """The four numbers above are fitted to each AOI; what is given there counts like so many months of candidates."""

    evidence_weight: float = Field(gt=0, le=1)
    """What a month's evidence counts for: months see the same roof in similar light, so many do not tell much more than one."""

    brightness_weight: float = Field(default=0.0, ge=0, le=1)
    """What a step in the brightness of the ground counts for beside the network's evidence; 0 does without. It is no more than
    that evidence's equal at 1, and months share their haze and season, so well below."""

    birth_prior: float = Field(gt=0, lt=1)
    """Probability that a candidate was born after the first month, before its series is looked at."""

    neighbour_px: float = Field(gt=0)
    """Distance over which buildings are born together, standard deviation of a Gaussian, pixels of the original image."""

    neighbour_weight: float = Field(ge=0, lt=1)
    """How much of the prior over months comes from the neighbours; the rest is even."""

    month_offset: int = Field(ge=-3, le=3)
    """Added to the month of birth: a detector that needs a finished roof is late in the same way everywhere."""

    min_log_ratio: float = Field(ge=0)
    """A birth is declared if its best month is likelier than no change by this log of a ratio, and"""

    min_probability: float = Field(gt=0, lt=1)
    """if the probability of its very month is above this. For an F1 of C the best threshold is C / 2."""


class ChangepointParams(Section):
    """Candidates from the collapsed evidence, and a fitted change point for each."""

    change: PeakParams
    """First pass, over each pixel's largest rise: buildings that were born."""

    static: PeakParams
    """Second pass, over each pixel's mean: buildings that always stood there."""

    tail_months: int = Field(ge=1)
    """A rise in the last months counts less: with n months after it, by n / ``tail_months`` up to 1."""

    births: BirthParams
    """The model of a birth."""

    min_tail: float = Field(default=0.0, ge=0, le=1)
    """A building stays: a birth is declared only if the mean probability of its last ``tail_months`` with evidence is this
    or more. What was seen for some months and is gone was a building site, a market, a bright field. 0 asks for nothing."""

    min_mean: float = Field(ge=0, le=1)
    """A static candidate is a building if its mean probability is above this."""

    max_overlap: float = Field(ge=0, le=1)
    """A static candidate is dropped if a larger share of it is covered by buildings that were born."""


class BaselineParams(Section):
    """The tracker of the CosmiQ baseline."""

    min_iou: float = Field(ge=0, le=1)
    """A footprint takes the id of the master footprint with the best IoU if that is at least this."""


class TrackParams(Section):
    """Footprints and ids through time."""

    method: Literal["changepoint", "collapse", "baseline"]
    """Which tracker writes the footprints."""

    shift_x_px: float = Field(default=0.0, ge=-4, le=4)
    """How far outlines are moved to the right of what is seen, pixels of the original image: to where labels lie."""

    shift_y_px: float = Field(default=0.0, ge=-4, le=4)
    """The same, downwards."""

    instances: InstanceParams
    """For ``collapse`` and ``baseline``; ``baseline`` applies them month by month, ``collapse`` to each pixel's largest trailing
    mean over months (so that a building born late is not diluted)."""

    changepoint: ChangepointParams
    """Only for ``method: changepoint``."""

    collapse: CollapseParams
    """Only for ``method: collapse``."""

    baseline: BaselineParams
    """Only for ``method: baseline``."""


class OutputParams(Section):
    """From probabilities to what a user wants; a sub-section per kind of output."""

    tracks: TrackParams
    """For task ``buildings_through_time``: footprints with ids and birth months."""


class TuneParams(Section):
    """Search for the output's params on cached probabilities, before ``extract``; a trial takes a second or two per AOI."""

    trials: int = Field(ge=0)
    """Number of trials; the first is section ``output`` itself. 0 takes that untuned."""

    at_once: int = Field(ge=1)
    """Trials of a round: all are drawn, and scored side by side by as many processes as there are (``SN7ML_EXECUTOR``), before
    the next are drawn. The same number gives the same best on any machine; a larger one searches less cleverly."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Where trials are scored; must be among ``predict.splits``, and none of them may be scored by ``evaluate``."""

    space: Space
    """Dimensions, keys of section ``output``: ``tracks.changepoint.births.birth_prior``."""

    seed: int = Field(ge=0)
    """Decides which values are tried."""
