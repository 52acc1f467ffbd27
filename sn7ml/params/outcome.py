"""Params of what comes out: scores, the champion, the report."""

from pydantic import Field

from sn7ml.params.section import Section, Split


class EvaluateParams(Section):
    """What is scored."""

    splits: tuple[Split, ...] = Field(min_length=1)
    """Only AOIs (or columns) of these splits are scored; must be among ``predict.splits``."""

    iou_thresholds: tuple[float, ...] = Field(min_length=1)
    """IoU above which a footprint counts as found, for footprint F1; scores with a threshold of their own ignore it."""

    pixel_threshold: float = Field(ge=0, le=1)
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
    ``min_gain`` alone decides."""

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
