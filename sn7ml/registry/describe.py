"""What the registry tells of a version after its verdict: tags, a description, its model card."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from sn7ml.metrics.score_text import decimal, table
from sn7ml.registry.aliases import WITHDRAWN, now
from sn7ml.registry.model_card import CARD, DataFacts, content_of, model_card
from sn7ml.registry.policy import Marks, Verdict
from sn7ml.registry.versions import fetch_words, model_id_of
from sn7ml.runs.provenance import UNKNOWN, provenance
from sn7ml.runs.store import Store

VERDICT = "sn7.verdict"
"""Tag of a version: its last verdict in full, as JSON."""

PROMOTED, DECIDED = "sn7.promoted", "sn7.decided_at"
"""Tags of a version: whether that verdict was in its favour, and when it fell."""

MARKS = "sn7.marks"
"""Tag of a version: its last scores, and digests of all that they depend on."""

LEAST = 10
"""AOIs of a description; the tag holds all. MLflow's servers keep 5000 characters."""


def publish(store: Store, version: ModelVersion, verdict: Verdict, facts: DataFacts) -> None:
    """Write a verdict down, in favour or not; what an earlier one left is replaced. Moves no alias."""
    client, name, number = store.client, version.name, version.version
    tags = {VERDICT: json.dumps(verdict.as_dict()), PROMOTED: str(verdict.promoted).lower(), DECIDED: now()}
    tags["sn7.tiles_digest"] = facts.key["tiles"]
    tags |= {f"test_{score}": f"{value:.6g}" for score, value in verdict.challenger.overall.items()}
    for tag, value in (tags | provenance()).items():
        client.set_model_version_tag(name, number, tag, value)
    remember(store, version, verdict.challenger, facts.key)
    client.update_model_version(name, number, description=description(verdict))
    attach_card(store, version, verdict.challenger, facts)


def remember(store: Store, version: ModelVersion, marks: Marks, key: Mapping[str, str]) -> None:
    """Keep scores with digests of what they depend on."""
    content = json.dumps({"key": dict(key), "marks": marks.as_dict()})
    store.client.set_model_version_tag(version.name, version.version, MARKS, content)


def attach_card(store: Store, version: ModelVersion, marks: Marks, facts: DataFacts) -> None:
    """Write the model card to the version's files; an older one is replaced."""
    run = store.client.get_run(str(version.run_id))
    inputs = run.inputs.dataset_inputs if run.inputs is not None else []
    tiles = [one.dataset.digest for one in inputs if one.dataset.name == "sn7-tiles-train"]
    with tempfile.TemporaryDirectory(prefix="sn7ml-card-") as folder:
        package = fetch_words(store, version, Path(folder))
        trained_on = tiles[0] if tiles else UNKNOWN
        content = content_of(version.name, package, run.data.params, trained_on, facts, marks)
        path = Path(folder) / CARD
        path.write_text(model_card(content), encoding="utf-8")
        store.client.log_model_artifact(model_id_of(version), str(path))


def summary(version: ModelVersion) -> dict[str, str]:
    """Return what a version's tags say in a word each: scores, verdict, time, data, commit, run; "–" where they do not."""
    tags = version.tags
    shown = {name: tags.get(f"test_{name}") for name in ("scot", "f1", "iou")}
    scores = {name: decimal(None if text is None else float(text)) for name, text in shown.items()}
    verdict = {"true": "promoted", "false": "rejected"}.get(tags.get(PROMOTED, ""), "–")
    return {
        **scores,
        "verdict": "rolled back" if WITHDRAWN in tags else verdict,
        "decided": tags.get(DECIDED, "–")[:16],
        "data": tags.get("dvc.data_md5", "–")[:8],
        "commit": tags.get("git.commit", "–")[:8],
        "run": str(version.run_id or "–")[:8],
    }


def description(verdict: Verdict) -> str:
    """Return what the registry shows of a version, as Markdown."""
    lines = [
        f"**{'Promoted' if verdict.promoted else 'Not promoted'}**",
        "",
        *(f"* {text}" for text in verdict.reasons),
    ]
    against = verdict.champion.overall if verdict.champion else {}
    lines += ["", _beside("score", verdict.challenger.overall, against, verdict.challenger.overall)]
    if verdict.gain is not None and verdict.champion is not None:
        gains = verdict.gain.by_aoi
        after, before = (
            {aoi: scores["scot"] for aoi, scores in marks.aois.items()}
            for marks in (verdict.challenger, verdict.champion)
        )
        least = sorted(gains, key=lambda aoi: gains[aoi])[:LEAST]
        lines += ["", f"SCOT where it gains least ({len(least)} of {len(gains)} AOIs):", ""]
        lines += [_beside("AOI", after, before, least)]
    if verdict.notes:
        lines += ["", *(f"* {note}" for note in verdict.notes)]
    return "\n".join([*lines, "", f"Model digest `{verdict.challenger.digest}`; model card: `{CARD}` among its files."])


def _beside(first: str, challenger: Mapping[str, float], champion: Mapping[str, float], names: Iterable[str]) -> str:
    rows = [(name, decimal(challenger[name]), decimal(champion.get(name))) for name in names]
    return table((first, "challenger", "champion"), rows)
