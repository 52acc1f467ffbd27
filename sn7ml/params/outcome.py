"""Params of what comes out: scores, the champion, the report."""

from pydantic import Field

from sn7ml.params.section import Section, Split


class EvaluateParams(Section):
    """What is scored."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Only AOIs (or columns) of these splits are scored; must be among ``predict.splits``."""

    iou_thresholds: tuple[float, ...] = Field(min_length=1)
    """IoU above which a footprint counts as found, for the footprint F1; SCOT has its own fixed 0.25."""

    pixel_threshold: float = Field(ge=0, le=1)
    """Footprint probability from which a pixel counts as building, for pixel IoU and F1."""


class PromoteParams(Section):
    """When the registry's champion changes; docs/registry.md tells how these work together."""

    model_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """Name in the MLflow registry."""

    min_scot: float = Field(ge=0, le=1)
    """A model below this SCOT never becomes champion, not even the first."""

    min_f1: float = Field(ge=0, le=1)
    """The same of the footprint F1 (IoU 0.25)."""

    min_gain: float = Field(ge=0, le=1)
    """SCOT by which a challenger must beat the champion on the same data."""

    max_f1_loss: float = Field(ge=0, le=1)
    """Footprint F1 (IoU 0.25) and pixel IoU may be lower than the champion's by at most this."""

    max_aoi_loss: float = Field(ge=0, le=1)
    """SCOT of any one AOI may be lower than the champion's by at most this."""

    min_aois: int = Field(ge=2)
    """From this many scored AOIs on, the interval of the mean gain must lie above zero; fewer cannot tell a gain from chance, and
    ``min_gain`` alone decides."""

    confidence: float = Field(gt=0, lt=1)
    """Of that interval (bootstrap over AOIs, two-sided)."""

    seed: int = Field(ge=0)
    """Of the bootstrap."""


class ReportParams(Section):
    """What the HTML page shows."""

    aois: int = Field(ge=1)
    """At most this many AOIs with pictures."""

    months: int = Field(ge=1)
    """At most this many months per AOI, evenly spread."""
