"""Params of what comes out: scores, the champion, the report."""

from pydantic import Field

from sn7ml.params.section import Section, Split


class EvaluateParams(Section):
    """What is scored."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Only AOIs (or columns) of these splits are scored; must be among ``predict.splits``."""

    iou_thresholds: tuple[float, ...] = Field(min_length=1)
    """IoU above which a footprint counts as found, for the footprint F1. Scores that fix their own threshold do not read this."""

    pixel_threshold: float = Field(ge=0, le=1)
    """Footprint probability from which a pixel counts as building, for pixel IoU and F1."""


class PromoteParams(Section):
    """When the registry's champion changes; docs/registry.md tells how these work together."""

    model_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """Name in the MLflow registry."""

    objective: str
    """The score of the task by which a challenger must be better."""

    min_score: float = Field(ge=0)
    """A model whose objective is worse than this never becomes champion, not even the first."""

    floors: dict[str, float]
    """The same of other scores of the task: name to the worst value allowed."""

    min_gain: float = Field(ge=0)
    """How much better a challenger's objective must be than the champion's on the same data."""

    max_loss: dict[str, float]
    """Other scores of the task may be worse than the champion's by at most this: name to the largest loss allowed."""

    max_aoi_loss: float = Field(ge=0)
    """The objective of any one AOI may be worse than the champion's by at most this."""

    min_aois: int = Field(ge=2)
    """With this many scored AOIs or more, the interval of the mean gain must lie above zero; fewer cannot tell a gain
    from chance, and ``min_gain`` alone decides."""

    confidence: float = Field(gt=0, lt=1)
    """Confidence level of the two-sided bootstrap interval over AOIs."""

    seed: int = Field(ge=0)
    """Decides the bootstrap's resamples."""


class ReportParams(Section):
    """What the HTML page shows."""

    aois: int = Field(ge=1)
    """At most this many AOIs with pictures."""

    months: int = Field(ge=1)
    """At most this many months per AOI, evenly spread."""
