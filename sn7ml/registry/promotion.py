"""The champion changes only for a better one: both scored on the same data, a decision, and all of it written down."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mlflow.entities.model_registry import ModelVersion

from sn7ml.core.errors import StoreError
from sn7ml.params import PromoteParams
from sn7ml.registry.aliases import WITHDRAWN, Change, change_champion, now, settle, who
from sn7ml.registry.describe import DECISION, SCORES, Subject, publish, remember
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
    """Takes a line for a person before what takes a while."""

    def decide(
        self, version: ModelVersion, challenger: ModelScores | None = None, *, reinstate: bool = False
    ) -> Decision:
        """Compare a version with the champion and make it champion if it is better.

        Within `dvc exp run` the champion stays, whatever comes out: experiments run beside each other.

        Parameters
        ----------
        version
            The challenger.
        challenger
            Its scores on the data of ``evaluator``; None scores it.
        reinstate
            Whether a version that was rolled back may become champion again.

        Raises
        ------
        StoreError
            If a model cannot be scored, or another process holds the registry for too long.
        """
        own, notes = self._scores_of(version) if challenger is None else (challenger, [])
        for _ in range(ATTEMPTS):
            with self.store.promoting():
                champion = self._champion(version.name)
            other, how = self._scores_of_other(champion, version)
            with self.store.promoting():
                # Scoring takes minutes, in which nobody has to wait: the champion may be another one by now.
                if _number(self._champion(version.name)) == _number(champion):
                    decision = self._decision(version, champion, own, other, reinstate=reinstate)
                    return self._carry_out(version, champion, replace(decision, notes=(*notes, *how)))
        raise StoreError(
            "registry.champion-changed",
            f"the champion of {version.name!r} changed {ATTEMPTS} times while it was scored; run this again",
        )

    def _champion(self, name: str) -> ModelVersion | None:
        settle(self.store, name)
        return version_at(self.store.client, name, CHAMPION)

    def _scores_of_other(
        self, champion: ModelVersion | None, version: ModelVersion
    ) -> tuple[ModelScores | None, list[str]]:
        return (None, []) if champion is None or champion.version == version.version else self._scores_of(champion)

    def _scores_of(self, version: ModelVersion) -> tuple[ModelScores, list[str]]:
        """Return the scores of a version, the stored ones if nothing changed since, and notes on where they come from."""
        name = f"version {version.version}"
        stored = json.loads(version.tags.get(SCORES, "{}"))
        changed = _changed(stored.get("key", {}), self.evaluator.facts.key)
        if not changed:
            return ModelScores.from_dict(stored["marks"]), [
                f"{name}: stored scores, since data, labels, code and params are the same"
            ]
        if (digest := version.tags.get(MODEL_DIGEST)) is None:
            raise StoreError(
                "registry.foreign-version",
                f"{name} of {version.name!r} cannot be scored: sn7ml did not register it (no tag {MODEL_DIGEST}). If it is the "
                f"champion, take the alias {CHAMPION!r} from it in the MLflow UI",
            )
        self.say(f"scoring {name}")
        with tempfile.TemporaryDirectory(prefix="sn7ml-version-") as folder:
            model = fetch(self.store, version, Path(folder))
            scores, how = self.evaluator.evaluate(model, digest, f"{name} of {version.name!r}")
        remember(self.store, version, scores, self.evaluator.facts.key)
        why = f"changed since it was last scored: {', '.join(changed)}" if stored else "it had not been scored before"
        return scores, [f"{name}: scored anew; {why}", how]

    def _decision(
        self,
        version: ModelVersion,
        champion: ModelVersion | None,
        own: ModelScores,
        other: ModelScores | None,
        *,
        reinstate: bool,
    ) -> Decision:
        if champion is not None and champion.version == version.version:
            return _confirmed(champion, own)
        decision, stays = decide(own, other, Rules(self.params, self.task.scores)), []
        if (withdrawn := version.tags.get(WITHDRAWN)) and not reinstate:
            stays.append(f"it was rolled back ({withdrawn}); only `sn7ml promote {version.version}` may bring it back")
        if inside := provenance().get("dvc.exp_name"):
            stays.append(f"inside the DVC experiment {inside!r} the champion stays as it is")
        return replace(decision, promoted=decision.promoted and not stays, reasons=(*decision.reasons, *stays))

    def _carry_out(self, version: ModelVersion, champion: ModelVersion | None, decision: Decision) -> Decision:
        name, number = version.name, str(version.version)
        publish(self.store, version, decision, Subject(self.task, self.params.objective, self.evaluator.facts))
        self.store.client.set_registered_model_alias(name, CHALLENGER, number)
        if decision.promoted and (champion is None or champion.version != version.version):
            before = None if champion is None else str(champion.version)
            change_champion(self.store, name, Change("promoted", number, before, decision.reasons[0], who(), now()))
        return replace(decision, version=number)


def _changed(then: Mapping[str, str], today: Mapping[str, str]) -> list[str]:
    """Name the digests that differ; what is not known may have changed."""
    return [name for name, digest in today.items() if digest == UNKNOWN or then.get(name) != digest]


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
