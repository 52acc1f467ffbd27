"""What the registry tells of a version after its decision: tags, a description, its model card."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from sn7ml.metrics.score import Score, score_named
from sn7ml.metrics.score_text import decimal, table
from sn7ml.registry.aliases import WITHDRAWN, now
from sn7ml.registry.model_card import CARD, DataFacts, Training, content_of, model_card
from sn7ml.registry.policy import Decision, ModelScores
from sn7ml.registry.versions import fetch_words, model_id_of
from sn7ml.runs.provenance import UNKNOWN, provenance
from sn7ml.runs.store import Store
from sn7ml.tasks import Task

DECISION = "sn7.verdict"
"""Tag of a version: its last decision in full, as JSON."""

PROMOTED, DECIDED = "sn7.promoted", "sn7.decided_at"
"""Tags of a version: whether that decision was in its favour, and when it fell."""

SCORES = "sn7.scores"
"""Tag of a version: its last scores, and digests of all that they depend on."""

LEAST = 10
"""AOIs of a description; the tag holds all. MLflow's servers keep 5000 characters."""


@dataclass(frozen=True)
class Subject:
    """What a version is described in the terms of."""

    task: Task

    objective: str
    """The score that decided."""

    facts: DataFacts


def publish(store: Store, version: ModelVersion, decision: Decision, subject: Subject) -> None:
    """Write a decision down, in favour or not; what an earlier one left is replaced. Moves no alias."""
    client, name, number, facts = store.client, version.name, version.version, subject.facts
    tags = {DECISION: json.dumps(decision.as_dict()), PROMOTED: str(decision.promoted).lower(), DECIDED: now()}
    tags["sn7.tiles_digest"] = facts.key["tiles"]
    tags |= {f"test_{score}": f"{value:.6g}" for score, value in decision.challenger.overall.items()}
    for tag, value in (tags | provenance()).items():
        client.set_model_version_tag(name, number, tag, value)
    remember(store, version, decision.challenger, facts.key)
    shown = description(decision, score_named(subject.task.scores, subject.objective))
    client.update_model_version(name, number, description=shown)
    attach_card(store, version, decision.challenger, subject)


def remember(store: Store, version: ModelVersion, scores: ModelScores, key: Mapping[str, str]) -> None:
    """Keep scores with digests of what they depend on."""
    content = json.dumps({"key": dict(key), "marks": scores.as_dict()})
    store.client.set_model_version_tag(version.name, version.version, SCORES, content)


def attach_card(store: Store, version: ModelVersion, scores: ModelScores, subject: Subject) -> None:
    """Write the model card to the version's files; an older one is replaced."""
    run = store.client.get_run(str(version.run_id))
    inputs = run.inputs.dataset_inputs if run.inputs is not None else []
    tiles = [one.dataset.digest for one in inputs if one.dataset.name == "sn7-tiles-train"]
    with tempfile.TemporaryDirectory(prefix="sn7ml-card-") as folder:
        package = fetch_words(store, version, Path(folder))
        training = Training(run.data.params, tiles[0] if tiles else UNKNOWN)
        content = content_of(version.name, package, training, subject.task, subject.facts, scores)
        path = Path(folder) / CARD
        path.write_text(model_card(content), encoding="utf-8")
        store.client.log_model_artifact(model_id_of(version), str(path))


def summary(version: ModelVersion, scores: Sequence[Score]) -> dict[str, str]:
    """Return what a version's tags say in a word each: scores, decision, time, data, commit, run; "–" where they do not."""
    tags = version.tags
    shown = {score.name: tags.get(f"test_{score.name}") for score in scores}
    values = {name: decimal(None if text is None else float(text)) for name, text in shown.items()}
    decision = {"true": "promoted", "false": "rejected"}.get(tags.get(PROMOTED, ""), "–")
    return {
        **values,
        "decision": "rolled back" if WITHDRAWN in tags else decision,
        "decided": tags.get(DECIDED, "–")[:16],
        "data": tags.get("dvc.data_md5", "–")[:8],
        "commit": tags.get("git.commit", "–")[:8],
        "run": str(version.run_id or "–")[:8],
    }


def description(decision: Decision, objective: Score) -> str:
    """Return what the registry shows of a version, as Markdown."""
    lines = [
        f"**{'Promoted' if decision.promoted else 'Not promoted'}**",
        "",
        *(f"* {text}" for text in decision.reasons),
    ]
    against = decision.champion.overall if decision.champion else {}
    lines += ["", _beside("score", decision.challenger.overall, against, decision.challenger.overall)]
    if decision.gain is not None and decision.champion is not None:
        gains = decision.gain.by_aoi
        after, before = (
            {aoi: values[objective.name] for aoi, values in scores.aois.items()}
            for scores in (decision.challenger, decision.champion)
        )
        least = sorted(gains, key=lambda aoi: gains[aoi])[:LEAST]
        lines += ["", f"{objective.label} where it gains least ({len(least)} of {len(gains)} AOIs):", ""]
        lines += [_beside("AOI", after, before, least)]
    if decision.notes:
        lines += ["", *(f"* {note}" for note in decision.notes)]
    return "\n".join(
        [*lines, "", f"Model digest `{decision.challenger.digest}`; model card: `{CARD}` among its files."]
    )


def _beside(first: str, challenger: Mapping[str, float], champion: Mapping[str, float], names: Iterable[str]) -> str:
    rows = [(name, decimal(challenger[name]), decimal(champion.get(name))) for name in names]
    return table((first, "challenger", "champion"), rows)
