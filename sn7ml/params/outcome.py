"""Params of what comes out: footprints and tracks, their tuning, scores, the champion, the report."""

import re
from typing import Literal

from pydantic import Field, field_validator

from sn7ml.core.errors import ParamsError
from sn7ml.params.learning import Space
from sn7ml.params.section import Section, Split


class PartingParams(Section):
    """What every way of separating buildings needs."""

    boundary_weight: float = Field(ge=0, le=1)
    """Weight with which the boundary channel lowers the evidence (see ``sn7ml.outputs.tracking.instances.weigh``)."""

    contact_weight: float = Field(ge=0, le=1)
    """Weight with which the contact channel lowers the evidence."""

    min_area_px2: float = Field(ge=0)
    """Smaller buildings are dropped, px² of the original image."""

    simplify_px: float = Field(ge=0)
    """Tolerance of outline simplification, pixels of the original image."""


class InstanceParams(PartingParams):
    """From probabilities to single buildings: a watershed."""

    smooth_px: float = Field(default=0.0, ge=0, le=20)
    """Standard deviation of the Gaussian that smooths the evidence, pixels of the original image: a bridge or a gap of
    a pixel then neither joins two buildings nor parts one. Outlines stay those of the footprint."""

    seed_threshold: float = Field(gt=0, le=1)
    """Evidence above which pixels are seeds of the watershed."""

    flood_threshold: float = Field(gt=0, le=1)
    """Footprint probability above which pixels are flooded from the seeds."""


class CollapseParams(Section):
    """Temporal collapse: one geometry per building, born where its mean probability rises most."""

    mean_floor: float = Field(ge=0, le=1)
    """Probabilities up to this count as 0 in a pixel's mean over months."""

    birth_jump: float = Field(ge=0, le=1)
    """A building is born at the largest rise of its mean probability (after minus before) if the rise is above this and
    the mean before is at most ``min_mean``."""

    min_mean: float = Field(ge=0, le=1)
    """A building without a birth is kept, for all months, if its mean probability is above this; a building whose mean
    before its largest rise is above this has no birth."""


class PeakParams(PartingParams):
    """From evidence to single buildings, each a peak and its surroundings (``sn7ml.outputs.tracking.peaks``)."""

    smooth_px: float = Field(ge=0)
    """Standard deviation of the Gaussian that smooths the evidence, pixels of the original image."""

    seed_threshold: float = Field(gt=0, lt=1)
    """Lower peaks are ignored."""

    seed_step: float = Field(gt=0, lt=1)
    """Two peaks are two buildings if the saddle between them is below the lower peak by about this share of it."""

    flood_ratio: float = Field(gt=0, lt=1)
    """A building extends to where the evidence falls to this share of its peak."""


class BirthParams(Section):
    """Month of birth: a change point in a building's series of log-odds (``sn7ml.outputs.tracking.births``)."""

    before_logit: float
    """Prior mean of the log-odds of a footprint before the building stands."""

    before_spread: float = Field(gt=0)
    """Standard deviation around it."""

    after_logit: float
    """Prior mean of the log-odds once the building stands."""

    after_spread: float = Field(gt=0)
    """Standard deviation around it."""

    levels_worth: float = Field(gt=0)
    """The four values above are fitted to each AOI; as a prior they weigh as much as this many months of candidates."""

    evidence_weight: float = Field(gt=0, le=1)
    """Weight of each month's evidence; below 1, since months that share light and roof are not independent."""

    brightness_weight: float = Field(default=0.0, ge=0, le=1)
    """Weight of a step in ground brightness beside the network's evidence; 0 ignores it. Keep it well below 1 (equal
    weight): months share haze and season."""

    birth_prior: float = Field(gt=0, lt=1)
    """Prior probability that a candidate was born after the first month."""

    neighbour_px: float = Field(gt=0)
    """Range within which buildings tend to be born together: a Gaussian's standard deviation, original pixels."""

    neighbour_weight: float = Field(ge=0, lt=1)
    """Share of the prior over months that comes from the neighbours; the rest is uniform."""

    month_offset: int = Field(ge=-3, le=3)
    """Added to the month of birth, to correct a detector that is always late because it needs a finished roof."""

    min_log_ratio: float = Field(ge=0)
    """A birth is declared if the log-likelihood ratio of its best month to no change is above this, and …"""

    min_probability: float = Field(gt=0, lt=1)
    """… the probability of that month is above this. For an F1 of C the best threshold is C / 2."""


class ChangepointParams(Section):
    """Candidates from the collapsed evidence, and a fitted change point for each."""

    change: PeakParams
    """First pass, on each pixel's largest rise: buildings that were born."""

    static: PeakParams
    """Second pass, on each pixel's mean: buildings that were always there."""

    tail_months: int = Field(ge=1)
    """A rise followed by fewer than this many months is weighted by their number divided by ``tail_months``."""

    births: BirthParams
    """The model of a birth."""

    min_tail: float = Field(default=0.0, ge=0, le=1)
    """A birth is declared only if the mean probability of its last ``tail_months`` with evidence is at least this. This
    rejects temporary objects: building sites, markets, bright fields."""

    min_mean: float = Field(ge=0, le=1)
    """A static candidate is kept if its mean probability is above this."""

    max_overlap: float = Field(ge=0, le=1)
    """A static candidate is dropped if buildings that were born cover a larger share of it."""


class BaselineParams(Section):
    """The tracker of the CosmiQ baseline."""

    min_iou: float = Field(ge=0, le=1)
    """A footprint takes the id of the master footprint with the highest IoU if that is at least this."""


class TrackParams(Section):
    """Footprints and ids through time."""

    method: Literal["changepoint", "collapse", "baseline"]
    """Which tracker writes the footprints."""

    shift_x_px: float = Field(default=0.0, ge=-4, le=4)
    """Shift of outlines to the right, to where labels are, pixels of the original image."""

    shift_y_px: float = Field(default=0.0, ge=-4, le=4)
    """The same, downwards."""

    instances: InstanceParams
    """For ``collapse`` and ``baseline``: ``baseline`` applies them month by month, ``collapse`` to each pixel's largest
    trailing mean over months, so that a late birth is not diluted."""

    changepoint: ChangepointParams
    """Only for ``method: changepoint``."""

    collapse: CollapseParams
    """Only for ``method: collapse``."""

    baseline: BaselineParams
    """Only for ``method: baseline``."""


class BuildingsParams(Section):
    """Buildings in single images."""

    instances: InstanceParams
    """How buildings that touch are parted. Targets without a boundary channel have no use for the weights."""


class LandUseParams(Section):
    """A map of classes."""

    min_area_px: int = Field(default=0, ge=0)
    """Areas of one class with fewer pixels, joined by their sides, become part of the largest area beside them; 0 keeps
    all."""

    colours: dict[str, str] = Field(default_factory=dict)
    """Class to its colour in maps, such as ``#8429F6``; others get one of a palette."""

    @field_validator("colours")
    @classmethod
    def _are_colours(cls, colours: dict[str, str]) -> dict[str, str]:
        if wrong := [f"{name}: {it}" for name, it in colours.items() if not re.fullmatch(r"#[0-9a-fA-F]{6}", it)]:
            raise ValueError(f"expected colours such as #8429F6, got {wrong}")
        return colours


class OutputParams(Section):
    """From probabilities to results; the sub-section that the task needs."""

    tracks: TrackParams | None = None
    """For task ``buildings_through_time``: footprints with ids and birth months."""

    buildings: BuildingsParams | None = None
    """For tasks ``buildings`` and ``building_distance``: footprints, image by image."""

    land_use: LandUseParams | None = None
    """For task ``land_use``: maps of classes."""

    def of_land_use(self) -> LandUseParams:
        """Return sub-section ``land_use``. Raises ParamsError if it is missing."""
        if self.land_use is None:
            raise ParamsError("params.output-missing", "output.land_use is missing; the task needs it")
        return self.land_use

    def of_tracks(self) -> TrackParams:
        """Return sub-section ``tracks``. Raises ParamsError if it is missing."""
        if self.tracks is None:
            raise ParamsError("params.output-missing", "output.tracks is missing; the task needs it")
        return self.tracks

    def scaled(self, factor: float) -> "OutputParams":
        """Return params of buildings in single images whose pixels are 1/``factor`` as long, which mean the same."""
        if self.buildings is None or factor == 1:
            return self
        own = self.buildings.instances
        change = {"min_area_px2": own.min_area_px2 * factor**2, "simplify_px": own.simplify_px * factor}
        change |= {"smooth_px": own.smooth_px * factor}
        buildings = self.buildings.model_copy(update={"instances": own.model_copy(update=change)})
        return self.model_copy(update={"buildings": buildings})

    def of_buildings(self) -> BuildingsParams:
        """Return sub-section ``buildings``. Raises ParamsError if it is missing."""
        if self.buildings is None:
            raise ParamsError("params.output-missing", "output.buildings is missing; the task needs it")
        return self.buildings


class TuneParams(Section):
    """Search for the output's params on cached probabilities, before ``extract``; a trial takes 1 to 2 s per AOI."""

    trials: int = Field(ge=0)
    """Number of trials; the first is section ``output`` itself. 0 takes that untuned."""

    at_once: int = Field(ge=1)
    """Trials per round: all are drawn, then scored by as many processes as there are (``SN7ML_EXECUTOR``). The same
    number gives the same best on any machine; a larger one learns less from earlier trials."""

    objective: str | None = None
    """The score of the task that trials are compared by, of those that need no pixels; null is the task's first."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Where trials are scored; must be among ``predict.splits`` and not among ``evaluate.splits``."""

    space: Space
    """Dimensions of the search: keys of section ``output``, such as ``tracks.changepoint.births.birth_prior``."""

    seed: int = Field(ge=0)
    """Seed of the values that are tried."""


class EvaluateParams(Section):
    """What is scored."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Only AOIs (or columns) of these splits are scored; must be among ``predict.splits``."""

    iou_thresholds: tuple[float, ...] = Field(min_length=1)
    """IoU above which a footprint counts as found, for footprint F1; scores with a threshold of their own ignore it."""

    pixel_threshold: float = Field(gt=0, le=1)
    """Footprint probability from which a pixel counts as building, for pixel IoU and F1."""


class PromoteParams(Section):
    """When the registry's champion changes; docs/registry.md explains how these work together."""

    model_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """Name in the MLflow registry."""

    objective: str
    """The score of the task by which a challenger must be better."""

    min_score: float = Field(ge=0)
    """A model whose objective is worse than this never becomes champion, not even the first."""

    floors: dict[str, float]
    """The same for other scores of the task: name to the worst value allowed."""

    min_gain: float = Field(ge=0)
    """How much better a challenger's objective must be than the champion's on the same data."""

    max_loss: dict[str, float]
    """Other scores of the task: name to the largest loss allowed against the champion."""

    max_aoi_loss: float = Field(ge=0)
    """Largest loss allowed in the objective of a single AOI against the champion."""

    min_aois: int = Field(ge=2)
    """With at least this many scored AOIs, the confidence interval of the mean gain must lie above zero; with fewer,
    ``min_gain`` alone decides. In tasks of single scenes it counts groups of AOIs, which the bootstrap draws."""

    confidence: float = Field(gt=0, lt=1)
    """Confidence level of the two-sided bootstrap interval over AOIs."""

    seed: int = Field(ge=0)
    """Seed of the bootstrap."""


class ReportParams(Section):
    """What the HTML page shows."""

    aois: int = Field(ge=1)
    """At most this many AOIs with pictures."""

    months: int = Field(ge=1)
    """At most this many months per AOI, evenly spread."""
