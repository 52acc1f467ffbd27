"""The champion changes only for a better one: both scored on the same data, a verdict, and all of it written down."""

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
from sn7ml.registry.describe import MARKS, VERDICT, publish, remember
from sn7ml.registry.model_card import DataFacts
from sn7ml.registry.policy import Marks, Verdict, decide
from sn7ml.registry.versions import CHALLENGER, CHAMPION, fetch, version_at
from sn7ml.runs.provenance import UNKNOWN, provenance
from sn7ml.runs.runs import MODEL_DIGEST
from sn7ml.runs.store import Store

ATTEMPTS = 3
"""How often a champion that was replaced while it was scored is followed by its successor."""


class Examiner(Protocol):
    """Scores registered models on the data of today: :class:`sn7ml.registry.evaluator.Exam`."""

    @property
    def facts(self) -> DataFacts:
        """What is known of the data; its ``key`` names all that a score depends on beside the model."""

    def mark(self, model: Path, digest: str, name: str) -> tuple[Marks, str]:
        """Score the model in a folder; return a note on how, too."""


@dataclass(frozen=True)
class Judge:
    """Decides about challengers by some data and params."""

    store: Store

    exam: Examiner

    params: PromoteParams

    tell: Callable[[str], None] = lambda _: None
    """Is told what takes a while."""

    def judge(self, version: ModelVersion, challenger: Marks | None = None, *, reinstate: bool = False) -> Verdict:
        """Compare a version with the champion and make it champion if it is better.

        Within `dvc exp run` the champion stays, whatever comes out: experiments run beside each other.

        Parameters
        ----------
        version
            The challenger.
        challenger
            Its scores on the data of ``exam``; None scores it.
        reinstate
            Whether a version that was rolled back may become champion again.

        Raises
        ------
        StoreError
            If a model cannot be scored, or another process holds the registry for too long.
        """
        own, notes = self._marks(version) if challenger is None else (challenger, [])
        for _ in range(ATTEMPTS):
            with self.store.promoting():
                champion = self._champion(version.name)
            other, how = self._marks_of_other(champion, version)
            with self.store.promoting():
                # Scoring takes minutes, in which nobody has to wait: the champion may be another one by now.
                if _number(self._champion(version.name)) == _number(champion):
                    verdict = self._verdict(version, champion, own, other, reinstate=reinstate)
                    return self._carry_out(version, champion, replace(verdict, notes=(*notes, *how)))
        raise StoreError(
            "registry.champion-changed",
            f"the champion of {version.name!r} changed {ATTEMPTS} times while it was scored; run this again",
        )

    def _champion(self, name: str) -> ModelVersion | None:
        settle(self.store, name)
        return version_at(self.store.client, name, CHAMPION)

    def _marks_of_other(self, champion: ModelVersion | None, version: ModelVersion) -> tuple[Marks | None, list[str]]:
        return (None, []) if champion is None or champion.version == version.version else self._marks(champion)

    def _marks(self, version: ModelVersion) -> tuple[Marks, list[str]]:
        """Return the scores of a version, the stored ones if nothing changed since, and notes on where they come from."""
        name = f"version {version.version}"
        stored = json.loads(version.tags.get(MARKS, "{}"))
        changed = _changed(stored.get("key", {}), self.exam.facts.key)
        if not changed:
            return Marks.from_dict(stored["marks"]), [
                f"{name}: stored scores, since data, labels, code and params are the same"
            ]
        if (digest := version.tags.get(MODEL_DIGEST)) is None:
            raise StoreError(
                "registry.foreign-version",
                f"{name} of {version.name!r} cannot be judged: sn7ml did not register it (no tag {MODEL_DIGEST}). If it is the "
                f"champion, take the alias {CHAMPION!r} from it in the MLflow UI",
            )
        self.tell(f"scoring {name}")
        with tempfile.TemporaryDirectory(prefix="sn7ml-version-") as folder:
            model = fetch(self.store, version, Path(folder))
            marks, how = self.exam.mark(model, digest, f"{name} of {version.name!r}")
        remember(self.store, version, marks, self.exam.facts.key)
        why = f"changed since it was last scored: {', '.join(changed)}" if stored else "it had not been scored before"
        return marks, [f"{name}: scored anew; {why}", how]

    def _verdict(
        self, version: ModelVersion, champion: ModelVersion | None, own: Marks, other: Marks | None, *, reinstate: bool
    ) -> Verdict:
        if champion is not None and champion.version == version.version:
            return _confirmed(champion, own)
        verdict, stays = decide(own, other, self.params), []
        if (withdrawn := version.tags.get(WITHDRAWN)) and not reinstate:
            stays.append(f"it was rolled back ({withdrawn}); only `sn7ml promote {version.version}` may bring it back")
        if inside := provenance().get("dvc.exp_name"):
            stays.append(f"inside the DVC experiment {inside!r} the champion stays as it is")
        return replace(verdict, promoted=verdict.promoted and not stays, reasons=(*verdict.reasons, *stays))

    def _carry_out(self, version: ModelVersion, champion: ModelVersion | None, verdict: Verdict) -> Verdict:
        name, number = version.name, str(version.version)
        publish(self.store, version, verdict, self.exam.facts)
        self.store.client.set_registered_model_alias(name, CHALLENGER, number)
        if verdict.promoted and (champion is None or champion.version != version.version):
            before = None if champion is None else str(champion.version)
            change_champion(self.store, name, Change("promoted", number, before, verdict.reasons[0], who(), now()))
        return replace(verdict, version=number)


def _changed(then: Mapping[str, str], today: Mapping[str, str]) -> list[str]:
    """Name the digests that differ; what is not known may have changed."""
    return [name for name, digest in today.items() if digest == UNKNOWN or then.get(name) != digest]


def _number(version: ModelVersion | None) -> str | None:
    return None if version is None else str(version.version)


def _confirmed(champion: ModelVersion, own: Marks) -> Verdict:
    """Return the verdict that made this very model champion, so that asking twice gives the same answer."""
    try:
        recorded = Verdict.from_dict(json.loads(champion.tags[VERDICT]))
    except (KeyError, TypeError):  # none yet, or one of an older form
        recorded = None
    if recorded is not None and recorded.promoted and recorded.challenger.as_dict() == own.as_dict():
        return recorded
    return Verdict(True, ("it is the champion already",), own, own, None)
