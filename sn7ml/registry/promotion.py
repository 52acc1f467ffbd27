"""The champion changes only for a better one: both are scored on the same data, and the decision is recorded."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mlflow.entities.model_registry import ModelVersion

from sn7ml.core.errors import StoreError
from sn7ml.metrics.score import score_named
from sn7ml.params import PromoteParams
from sn7ml.registry.aliases import WITHDRAWN, Change, change_champion, settle
from sn7ml.registry.describe import DECISION, SCORES, publish, remember
from sn7ml.registry.model_card import DataFacts
from sn7ml.registry.policy import Decision, ModelScores, Rules, decide
from sn7ml.registry.versions import CHALLENGER, CHAMPION, fetch, version_at
from sn7ml.runs.provenance import UNKNOWN, provenance
from sn7ml.runs.runs import MODEL_DIGEST
from sn7ml.runs.store import Store
from sn7ml.tasks import Task

ATTEMPTS = 3
"""Retries if the champion changes during evaluation."""


class Evaluates(Protocol):
    """Scores registered models on the data of today: :class:`sn7ml.registry.evaluator.Evaluator`."""

    @property
    def facts(self) -> DataFacts:
        """What is known of the data; its ``key`` names all that a score depends on beside the model."""

    def evaluate(self, model: Path, digest: str, name: str) -> tuple[ModelScores, str]:
        """Score the model in a folder; return a note on how, too."""


@dataclass(frozen=True)
class Promoter:
    """Decides about challengers by some data and params."""

    store: Store
    evaluator: Evaluates
    task: Task
    params: PromoteParams

    say: Callable[[str], None] = lambda _: None
    """Told, for a person, what is about to take a while."""

    def decide(
        self, version: ModelVersion, challenger: ModelScores | None = None, *, reinstate: bool = False
    ) -> Decision:
        """Compare a version with the champion and make it champion if it is better.

        ``challenger`` holds the version's scores on the data of ``evaluator``; None scores it. ``reinstate`` lets a
        version that was rolled back become champion again. Inside `dvc exp run` the champion never changes: experiments
        run in parallel. Raises StoreError if a model cannot be scored, or another process holds the registry too long.
        """
        own, notes = self._scores_of(version) if challenger is None else (challenger, [])
        for _ in range(ATTEMPTS):
            with self.store.promoting():
                champion = self._champion(version.name)
            same = champion if _number(champion) == str(version.version) else None
            other, how = (None, []) if champion is None or same else self._scores_of(champion)
            with self.store.promoting():
                # Scoring takes minutes, in which nobody has to wait: the champion may be another one by now.
                if _number(self._champion(version.name)) == _number(champion):
                    decision = _confirmed(same, own) if same else self._compared(version, own, other, reinstate)
                    decision = replace(decision, notes=(*notes, *how), version=str(version.version))
                    self._carry_out(version, decision, _number(champion))
                    return decision
        raise StoreError(
            "registry.champion-changed",
            f"the champion of {version.name!r} changed {ATTEMPTS} times while it was scored; run this again",
        )

    def _carry_out(self, version: ModelVersion, decision: Decision, champion: str | None) -> None:
        objective = score_named(self.task.scores, self.params.objective)
        publish(self.store, version, decision, self.task, objective, self.evaluator.facts)
        self.store.client.set_registered_model_alias(version.name, CHALLENGER, decision.version)
        if decision.promoted and champion != decision.version:
            change = Change("promoted", decision.version, champion, decision.reasons[0])
            change_champion(self.store, version.name, change)

    def _champion(self, name: str) -> ModelVersion | None:
        settle(self.store, name)
        return version_at(self.store.client, name, CHAMPION)

    def _scores_of(self, version: ModelVersion) -> tuple[ModelScores, list[str]]:
        """Return the scores of a version, stored ones if nothing changed since, and notes on where they come from."""
        name, key = f"version {version.version}", self.evaluator.facts.key
        stored = json.loads(version.tags.get(SCORES, "{}"))
        then = stored.get("key", {})
        # What is not known may have changed.
        changed = [part for part, digest in key.items() if digest == UNKNOWN or then.get(part) != digest]
        if not changed:
            note = f"{name}: stored scores, since data, labels, code and params are the same"
            return ModelScores.from_dict(stored["marks"]), [note]
        if (digest := version.tags.get(MODEL_DIGEST)) is None:
            raise StoreError(
                "registry.foreign-version",
                f"{name} of {version.name!r} cannot be scored: sn7ml did not register it (no tag {MODEL_DIGEST}). If "
                f"it is the champion, take the alias {CHAMPION!r} from it in the MLflow UI",
            )
        self.say(f"scoring {name}")
        with tempfile.TemporaryDirectory(prefix="sn7ml-version-") as folder:
            model = fetch(self.store, version, Path(folder))
            scores, how = self.evaluator.evaluate(model, digest, f"{name} of {version.name!r}")
        remember(self.store, version, scores, key)
        why = f"changed since it was last scored: {', '.join(changed)}" if stored else "it had not been scored before"
        return scores, [f"{name}: scored anew; {why}", how]

    def _compared(
        self, version: ModelVersion, own: ModelScores, other: ModelScores | None, reinstate: bool
    ) -> Decision:
        """Compare the scores, and leave the champion where a rule beside them says so."""
        rules, stays = Rules(self.params, self.task.scores, self.evaluator.facts.groups), []
        decision = decide(own, other, rules)
        if (withdrawn := version.tags.get(WITHDRAWN)) and not reinstate:
            stays.append(f"it was rolled back ({withdrawn}); only `sn7ml promote {version.version}` may bring it back")
        if inside := provenance().get("dvc.exp_name"):
            stays.append(f"inside the DVC experiment {inside!r} the champion stays as it is")
        return replace(decision, promoted=decision.promoted and not stays, reasons=(*decision.reasons, *stays))


def _number(version: ModelVersion | None) -> str | None:
    return None if version is None else str(version.version)


def _confirmed(champion: ModelVersion, own: ModelScores) -> Decision:
    """Return the decision that made this very model champion, so that asking twice gives the same answer."""
    try:
        recorded = Decision.from_dict(json.loads(champion.tags[DECISION]))
    except (KeyError, TypeError):  # none yet, or one of an older form
        recorded = None
    if recorded is not None and recorded.promoted and recorded.challenger.as_dict() == own.as_dict():
        return recorded
    return Decision(True, ("it is the champion already",), own, own, None)
