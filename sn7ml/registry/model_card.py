"""The model card: what a person must know before using a registered model. The same content gives the same text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from sn7ml.core.schemas import UNDATED
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

    groups: Mapping[str, str] = field(default_factory=dict)
    """AOI to its group, where AOIs of a group show the same ground: the gate draws them together."""


@dataclass(frozen=True)
class Training:
    """What the run of a training says."""

    params: Mapping[str, str]
    """Under dotted keys."""

    tiles: str
    """Digest of the tile store it learned from, "unknown" where the run does not say."""


def model_card(name: str, package: Path, training: Training, task: Task, data: DataFacts, scores: ModelScores) -> str:
    """Return the card of a package registered under a name, as Markdown; files that the folder lacks are left out."""
    config, usage = _mapping_in(package / CONFIG), _mapping_in(package / USAGE)
    recipe, columns = config.get("recipe", {}), [score.name for score in task.scores]
    worth = [("**all**", scores.overall), *scores.aois.items()]
    rows = [(aoi, *(decimal(found.get(column)) for column in columns)) for aoi, found in worth]
    others = [f"{name} {decimal(value)}" for name, value in scores.overall.items() if name not in columns]
    weights = recipe.get("model", {}).get("weights")
    history, kept = read_history(package) if (package / HISTORY).exists() else pd.DataFrame(), ""
    if {"network", "epoch", "val_score"} <= set(history.columns):
        networks = history.groupby("network")
        best = history.loc[networks["val_score"].idxmax()].itertuples()
        text = "network {0.network}: epoch {0.epoch} of {1} kept (validation pixel score {0.val_score:.4f})"
        kept = "; ".join(text.format(row, epochs) for row, epochs in zip(best, networks.size(), strict=True)) + "."
    return f"""# {name}: a model card

{task.purpose}

Package digest `{scores.digest}`. Written when the model was compared with the champion; the decision stands in the
description of the version.

## How good it is

On held-out data, split {", ".join(data.scored)} (below).

{table(("AOI", *columns), rows)}

{_items(f"{score.name}: {score.meaning}" for score in task.scores)}

{f"Also: {', '.join(others)}." if others else ""}

## Data

{UNDATED_IMAGES if data.months == (UNDATED, UNDATED) else f"Times {data.months[0]} to {data.months[1]}."}

{table(("split", "AOI", "columns", "labelled frames"), [tuple(map(str, row)) for row in data.splits])}

{LEARNED_HERE if training.tiles == data.key["tiles"] else LEARNED_ELSEWHERE.format(training.tiles)} Digests: \
{", ".join(f"{name} `{data.key[name]}`" for name in ("data", "tiles", "labels"))}.

## How it was trained

Images are up-sampled {config.get("upsampling", "unknown")} times. {kept}

{_items(f"`{key}`: {value}" for key, value in _flat(recipe))}
{_items(f"`{key}`: {value}" for key, value in sorted(training.params.items()) if key.startswith(SECTIONS))}

## How it is used

`sn7ml predict DATA OUT --model models:/{name}@champion`, with

{_items(f"`{key}`: {value}" for key, value in _flat(usage)) or "what params.yaml says: the package does not say."}

## Limits

{ONE_AOI if len(scores.aois) == 1 else MANY_AOIS.format(len(scores.aois))}{_of_groups(scores.aois, data.groups)}
{_items(task.limits)}

## Licences

* Code: Apache-2.0 (LICENSE of the repository).
{_items(task.licences)}
{WEIGHTS_LICENCE.format(weights) if weights else ""}
"""


LEARNED_HERE = "It learned from these very tiles, and never from those of split test."
LEARNED_ELSEWHERE = (
    "It learned from other tiles (digest `{}`): the table tells where it is scored, not what it has seen, and scores "
    "on what it has seen are too high."
)
UNDATED_IMAGES = "The images bear no date."
ONE_AOI = "* Its scores come from one AOI: they say little about another place."
MANY_AOIS = "* Its scores come from {} AOIs; places, seasons and building styles that are not among them may be worse."
FEWER_GROUPS = " They are of {} group(s) of neighbours that share ground or streets, so they count for fewer."
WEIGHTS_LICENCE = "* It started from {} weights of its encoder; their licence is that of the package they came with."


def _of_groups(aois: Iterable[str], groups: Mapping[str, str]) -> str:
    names = [groups.get(aoi, aoi) for aoi in aois]
    return FEWER_GROUPS.format(len(set(names))) if len(set(names)) < len(names) else ""


def _items(lines: Iterable[str]) -> str:
    """Return a Markdown list."""
    return "\n".join(f"* {line}" for line in lines)


def _mapping_in(path: Path) -> dict[str, Any]:
    """Read YAML as it stands, since an old recipe need not be valid today; empty if there is no file, or no mapping."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content if isinstance(content, dict) else {}


def _flat(content: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(content, Mapping):
        return [row for name, inner in sorted(content.items()) for row in _flat(inner, f"{prefix}{name}.")]
    return [(prefix.removesuffix("."), str(content))]
