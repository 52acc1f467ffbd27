"""Params of what comes out: footprints, tracks, scores, the champion, the report."""

from typing import Literal

from pydantic import Field

from sn7ml.params.section import Section, Split


class InstanceParams(Section):
    """From probabilities to single buildings: a watershed."""

    seed_threshold: float = Field(ge=0, le=1)
    """A building grows from pixels whose evidence (see ``sn7ml.buildings.instances``) is above this."""

    flood_threshold: float = Field(ge=0, le=1)
    """It grows over pixels whose footprint probability is above this."""

    boundary_weight: float = Field(ge=0, le=1)
    """How much the boundary channel lowers the evidence for a seed."""

    contact_weight: float = Field(ge=0, le=1)
    """How much the contact channel lowers the evidence for a seed."""

    min_area_px2: float = Field(ge=0)
    """Smaller buildings are dropped, px² of the original image."""

    simplify_px: float = Field(ge=0)
    """Tolerance of outline simplification, pixels of the original image."""


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


class BaselineParams(Section):
    """The tracker of the CosmiQ baseline."""

    min_iou: float = Field(ge=0, le=1)
    """A footprint takes the id of the master footprint with the best IoU if that is at least this."""


class TrackParams(Section):
    """Footprints and ids through time."""

    method: Literal["collapse", "baseline"]
    """Which tracker writes the footprints."""

    instances: InstanceParams
    """Shared by both trackers; ``baseline`` applies them month by month, ``collapse`` to each pixel's largest trailing mean over
    months (so that a building born late is not diluted)."""

    collapse: CollapseParams
    """Only for ``method: collapse``."""

    baseline: BaselineParams
    """Only for ``method: baseline``."""


class EvaluateParams(Section):
    """What is scored."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Only AOIs (or columns) of these splits are scored; must be among ``predict.splits``."""

    iou_thresholds: tuple[float, ...] = Field(min_length=1)
    """IoU above which a footprint counts as found, for the footprint F1; SCOT has its own fixed 0.25."""

    pixel_threshold: float = Field(ge=0, le=1)
    """Footprint probability from which a pixel counts as building, for pixel IoU and F1."""


class PromoteParams(Section):
    """When the registry's champion changes."""

    model_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """Name in the MLflow registry."""

    min_scot: float = Field(ge=0, le=1)
    """A model below this SCOT never becomes champion, not even the first."""

    min_gain: float = Field(ge=0, le=1)
    """SCOT by which a challenger must beat the champion on the same data."""

    max_f1_loss: float = Field(ge=0, le=1)
    """Footprint F1 (IoU 0.25) and pixel IoU may be lower than the champion's by at most this."""


class ReportParams(Section):
    """What the HTML page shows."""

    aois: int = Field(ge=1)
    """At most this many AOIs with pictures."""

    months: int = Field(ge=1)
    """At most this many months per AOI, evenly spread."""
