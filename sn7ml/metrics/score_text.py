"""Scores as people read them in MLflow and on a terminal: their names, their digits, and tables in Markdown."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from sn7ml.metrics.score import Score
    from sn7ml.params import Split

PREFIXES: Mapping["Split", str] = {"train": "train", "validation": "val", "test": "test"}
"""How the metrics of a split begin."""

OWN_NOTE = "**Scores on"
"""How a run's description begins that is ours to replace; a person's own stays."""


def decimal(score: float | None) -> str:
    """Return a score with four digits; "–" where it is undefined or not known.

    >>> decimal(0.41237), decimal(float("nan")), decimal(None)
    ('0.4124', '–', '–')
    """
    return "–" if score is None or math.isnan(score) else f"{score:.4f}"


def plain(content: Any) -> Any:
    """Return mappings of numbers as JSON has them: null for NaN, which JSON lacks.

    >>> plain({"iou": 0.5, "nothing found": {"scot": float("nan")}})
    {'iou': 0.5, 'nothing found': {'scot': None}}
    """
    if isinstance(content, Mapping):
        return {name: plain(value) for name, value in content.items()}
    return None if isinstance(content, float) and math.isnan(content) else content


def table(header: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, the columns after the first flush right."""
    names = list(header)
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def scores_note(
    run_id: str, scores: "Sequence[Score]", overall: Mapping[str, float], per_aoi: "pd.DataFrame", split: "Split"
) -> str:
    """Return the description of a scored run, as Markdown: the scores, overall and per AOI, and where to find more."""
    scores = [score for score in scores if score.name in overall]
    prefix, scored = PREFIXES[split], list[dict[Any, Any]]([{"aoi": "all", **overall}, *per_aoi.to_dict("records")])
    rows = [[str(row["aoi"]), *(decimal(row.get(score.name)) for score in scores)] for row in scored]
    more = "the images `scene_<AOI>` and `overlay_<AOI>`"
    if "scot" in overall:
        more = f"`losses_{prefix}.json` (what each kind of error costs) and the images `diagnosis` and `overlay_<AOI>`"
    return "\n".join([
        f"{OWN_NOTE} split {split}**", "", table(("AOI", *(score.label for score in scores)), rows), "",
        f"More: `per_aoi_{prefix}.json`, and where they were recorded {more}. Beside the best run: "
        f"`sn7ml compare {run_id[:7]} best`.",
    ])  # fmt: skip
