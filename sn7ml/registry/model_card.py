"""The model card: what a person must know before using a registered model. The same content gives the same text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from sn7ml.metrics.score_text import decimal, table
from sn7ml.package_files import CONFIG, HISTORY, USAGE, read_history
from sn7ml.registry.policy import ModelScores
from sn7ml.tasks import Task

CARD = "model_card.md"
"""Its name within the registered model."""

SECTIONS = ("split", "tiling", "target", "train")
"""Params of the run that say how it was trained, beside its recipe."""


@dataclass(frozen=True)
class DataFacts:
    """The data on which a model was scored."""

    key: Mapping[str, str]
    """Digests: ``Evaluator.key``."""

    splits: Sequence[tuple[str, str, str, int]]
    """(split, aoi, columns, labelled frames)."""

    months: tuple[str, str]
    """First and last."""

    scored: Sequence[str]
    """Splits that are scored."""


@dataclass(frozen=True)
class Training:
    """What the run of a training says."""

    params: Mapping[str, str]
    """Under dotted keys."""

    tiles: str
    """Digest of the tile store it learned from, "unknown" where the run does not say."""


@dataclass(frozen=True)
class CardContent:
    """All that a card says."""

    name: str
    """In the registry."""

    config: Mapping[str, Any]
    """``package.yaml`` as it stands: a recipe of other days need not be valid today."""

    usage: Mapping[str, Any]
    """``usage.yaml``; empty if the package has none."""

    history: pd.DataFrame
    """network, epoch, val_score, … of the training; empty if unknown."""

    training: Training

    task: Task

    data: DataFacts

    scores: ModelScores


def content_of(
    name: str, package: Path, training: Training, task: Task, data: DataFacts, scores: ModelScores
) -> CardContent:
    """Read what the package folder says."""
    config, usage = (_yaml(package / file) for file in (CONFIG, USAGE))
    history = read_history(package) if (package / HISTORY).exists() else pd.DataFrame()
    return CardContent(name, config, usage, history, training, task, data, scores)


def model_card(content: CardContent) -> str:
    """Return the card as Markdown."""
    sections = {
        f"{content.name}: a model card": _purpose(content),
        "How good it is": _scores(content),
        "Data": _data(content.data, content.training.tiles),
        "How it was trained": _training(content),
        "How it is used": _usage(content),
        "Limits": _limits(content),
        "Licences": _licences(content),
    }
    parts = [f"{'#' if place == 0 else '##'} {title}\n\n{text}" for place, (title, text) in enumerate(sections.items())]
    return "\n\n".join(parts) + "\n"


def _purpose(content: CardContent) -> str:
    return (
        f"{content.task.purpose}\n\nPackage digest `{content.scores.digest}`. Written when the model was compared with the "
        "champion; the decision stands in the description of the version."
    )


def _scores(content: CardContent) -> str:
    overall, aois, scores = content.scores.overall, content.scores.aois, content.task.scores
    names = [score.name for score in scores]
    rows = [("**all**", overall), *aois.items()]
    shown = table(("AOI", *names), [(aoi, *(decimal(values.get(name)) for name in names)) for aoi, values in rows])
    others = [f"{name} {decimal(value)}" for name, value in overall.items() if name not in names]
    also = f"\n\nAlso: {', '.join(others)}." if others else ""
    meanings = "\n".join(f"* {score.name}: {score.meaning}" for score in scores)
    return f"On held-out data, split {', '.join(content.data.scored)} (below).\n\n{shown}\n\n{meanings}{also}"


def _data(data: DataFacts, trained_on: str) -> str:
    shown = table(("split", "AOI", "columns", "labelled months"), [tuple(map(str, row)) for row in data.splits])
    if trained_on == data.key["tiles"]:
        told = "It learned from these very tiles, and never from those of split test."
    else:
        told = (
            f"It learned from other tiles (digest `{trained_on}`): the table tells where it is scored, not what it has seen, "
            "and scores on what it has seen are too high."
        )
    digests = ", ".join(f"{name} `{data.key[name]}`" for name in ("data", "tiles", "labels"))
    return f"Months {data.months[0]} to {data.months[1]}.\n\n{shown}\n\n{told} Digests: {digests}."


def _training(content: CardContent) -> str:
    lines = [f"* `{key}`: {value}" for key, value in _flat(content.config.get("recipe", {}))]
    lines += [
        f"* `{key}`: {value}" for key, value in sorted(content.training.params.items()) if key.startswith(SECTIONS)
    ]
    history, epochs = content.history, ""
    if {"network", "epoch", "val_score"} <= set(history.columns):
        best = history.loc[history.groupby("network")["val_score"].idxmax()]
        told = [
            f"network {network}: epoch {epoch} of {int((history['network'] == network).sum())} kept "
            f"(pixel score on validation tiles {score:.4f})"
            for network, epoch, score in zip(best["network"], best["epoch"], best["val_score"], strict=True)
        ]
        epochs = "\n\n" + "; ".join(told) + "."
    upsampling = content.config.get("upsampling", "unknown")
    return f"Images are up-sampled {upsampling} times.{epochs}\n\n" + "\n".join(lines)


def _usage(content: CardContent) -> str:
    command = f"`sn7ml predict DATA OUT --model models:/{content.name}@champion`"
    lines = [f"* `{key}`: {value}" for key, value in _flat(content.usage)]
    if not lines:
        return f"{command}. The package does not say with which windows and tracker; params.yaml does."
    return f"{command} predicts and tracks as it was scored:\n\n" + "\n".join(lines)


def _limits(content: CardContent) -> str:
    count = len(content.scores.aois)
    few = (
        "* Its scores come from one AOI: they say little about another place."
        if count == 1
        else f"* Its scores come from {count} AOIs; places, seasons and building styles that are not among them may be worse."
    )
    return "\n".join([few, *(f"* {limit}" for limit in content.task.limits)])


def _licences(content: CardContent) -> str:
    weights = content.config.get("recipe", {}).get("model", {}).get("weights")
    lines = ["* Code: Apache-2.0 (LICENSE of the repository).", *(f"* {licence}" for licence in content.task.licences)]
    if weights:
        lines.append(
            f"* It started from {weights} weights of its encoder; their licence is that of the package they came with."
        )
    return "\n".join(lines)


def _flat(content: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(content, Mapping):
        return [row for name, inner in sorted(content.items()) for row in _flat(inner, f"{prefix}{name}.")]
    return [(prefix.removesuffix("."), str(content))]


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content if isinstance(content, dict) else {}
