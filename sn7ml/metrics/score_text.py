"""Scores as people read them in MLflow and on a terminal: what they are called, their digits, and tables in Markdown."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from sn7ml.params import Split

PREFIXES: Mapping["Split", str] = {"train": "train", "validation": "val", "test": "test"}
"""How the metrics of a split begin."""

HEADLINES: Mapping[str, str] = {"scot": "SCOT", "tracking": "tracking", "change": "change", "f1": "F1", "iou": "IoU"}
"""Scores that are shown first, under the names people read."""

OWN_NOTE = "**Scores on"
"""How a run's description begins that is ours to replace; a person's own stays."""


def decimal(score: float | None) -> str:
    """Return a score with four digits; "–" where it is undefined or not known.

    >>> decimal(0.41237), decimal(float("nan")), decimal(None)
    ('0.4124', '–', '–')
    """
    return "–" if score is None or math.isnan(score) else f"{score:.4f}"


def table(header: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, the columns after the first flush right."""
    names = list(header)
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def scores_note(run_id: str, overall: Mapping[str, float], per_aoi: "pd.DataFrame", split: "Split") -> str:
    """Return the description of a scored run, as Markdown: the scores, overall and per AOI, and where to look further."""
    names, prefix = [name for name in HEADLINES if name in overall], PREFIXES[split]
    scored: list[dict[Any, Any]] = [{"aoi": "all", **overall}, *per_aoi.to_dict("records")]
    rows = [[str(row["aoi"]), *(decimal(row.get(name)) for name in names)] for row in scored]
    return "\n".join([
        f"{OWN_NOTE} split {split}**", "", table(("AOI", *(HEADLINES[name] for name in names)), rows), "",
        f"More: `per_aoi_{prefix}.json`, and where they were recorded `losses_{prefix}.json` (what each kind of error costs) and "
        f"the images `diagnosis` and `overlay_<AOI>`. Beside the best run: `sn7ml compare {run_id[:7]} best`.",
    ])  # fmt: skip
