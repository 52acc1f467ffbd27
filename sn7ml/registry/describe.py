"""What the registry says of a version after its decision: tags, a description, its model card."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from sn7ml.metrics.score import Score
from sn7ml.metrics.score_text import decimal, table
from sn7ml.registry.aliases import WITHDRAWN, now
from sn7ml.registry.model_card import CARD, DataFacts, Training, model_card
from sn7ml.registry.policy import Decision, ModelScores
from sn7ml.registry.versions import fetch_words, model_id_of
from sn7ml.runs.provenance import UNKNOWN, provenance
from sn7ml.runs.store import Store
from sn7ml.tasks import Task

DECISION, PROMOTED, DECIDED = "sn7.verdict", "sn7.promoted", "sn7.decided_at"
"""Tags of a version: its last decision in full, as JSON; whether it was in its favour; and when it fell."""

SCORES = "sn7.scores"
"""Tag of a version: its last scores, and digests of all that they depend on."""


def publish(
    store: Store, version: ModelVersion, decision: Decision, task: Task, objective: Score, facts: DataFacts
) -> None:
    """Record a decision, in favour or not, in place of an earlier one; moves no alias."""
    client, name, number = store.client, version.name, version.version
    tags = {DECISION: json.dumps(decision.as_dict()), PROMOTED: str(decision.promoted).lower(), DECIDED: now()}
    tags["sn7.tiles_digest"] = facts.key["tiles"]
    tags |= {f"test_{score}": f"{value:.6g}" for score, value in decision.challenger.overall.items()}
    for tag, value in (tags | provenance()).items():
        client.set_model_version_tag(name, number, tag, value)
    remember(store, version, decision.challenger, facts.key)
    client.update_model_version(name, number, description=description(decision, objective))
    attach_card(store, version, decision.challenger, task, facts)


def remember(store: Store, version: ModelVersion, scores: ModelScores, key: Mapping[str, str]) -> None:
    """Keep scores with digests of what they depend on."""
    content = json.dumps({"key": dict(key), "marks": scores.as_dict()})
    store.client.set_model_version_tag(version.name, version.version, SCORES, content)


def attach_card(store: Store, version: ModelVersion, scores: ModelScores, task: Task, facts: DataFacts) -> None:
    """Write the model card to the version's files; an older one is replaced."""
    run = store.client.get_run(str(version.run_id))
    inputs = run.inputs.dataset_inputs if run.inputs is not None else []
    tiles = [it.dataset.digest for it in inputs if it.dataset.name == "sn7-tiles-train"]
    training = Training(run.data.params, tiles[0] if tiles else UNKNOWN)
    with tempfile.TemporaryDirectory(prefix="sn7ml-card-") as folder:
        package = fetch_words(store, version, Path(folder))
        path = package / CARD
        path.write_text(model_card(version.name, package, training, task, facts, scores), encoding="utf-8")
        store.client.log_model_artifact(model_id_of(version), str(path))


def summary(version: ModelVersion, scores: Sequence[Score]) -> dict[str, str]:
    """Return what a version's tags say in a word each: scores, decision, time, data, commit, run; "–" if nothing."""
    tags = version.tags
    shown = {score.name: tags.get(f"test_{score.name}") for score in scores}
    decision = {"true": "promoted", "false": "rejected"}.get(tags.get(PROMOTED, ""), "–")
    return {
        **{name: decimal(None if text is None else float(text)) for name, text in shown.items()},
        "decision": "rolled back" if WITHDRAWN in tags else decision,
        "decided": tags.get(DECIDED, "–")[:16],
        "data": tags.get("dvc.data_md5", "–")[:8],
        "commit": tags.get("git.commit", "–")[:8],
        "run": str(version.run_id or "–")[:8],
    }


def description(decision: Decision, objective: Score) -> str:
    """Return what the registry shows of a version, as Markdown."""
    challenger, champion, gain = decision.challenger, decision.champion, decision.gain
    lines = [f"**{'Promoted' if decision.promoted else 'Not promoted'}**", "", *(f"* {it}" for it in decision.reasons)]
    before = champion.overall if champion else {}
    lines += ["", _beside("score", challenger.overall, before, challenger.overall)]
    if gain is not None and champion is not None:
        after, before = (
            {aoi: values[objective.name] for aoi, values in scores.aois.items()} for scores in (challenger, champion)
        )
        # The tag holds all; of a description, MLflow's servers keep 5000 characters.
        least = sorted(gain.by_aoi, key=lambda aoi: gain.by_aoi[aoi])[:10]
        lines += ["", f"{objective.label} where it gains least ({len(least)} of {len(gain.by_aoi)} AOIs):", ""]
        lines += [_beside("AOI", after, before, least)]
    if decision.notes:
        lines += ["", *(f"* {note}" for note in decision.notes)]
    return "\n".join([*lines, "", f"Model digest `{challenger.digest}`; model card: `{CARD}` among its files."])


def _beside(first: str, challenger: Mapping[str, float], champion: Mapping[str, float], names: Iterable[str]) -> str:
    rows = [(name, decimal(challenger[name]), decimal(champion.get(name))) for name in names]
    return table((first, "challenger", "champion"), rows)
