"""The model registry: every trained model becomes a version, and the champion changes only for a better one.

Aliases: ``challenger`` is the version looked at last, ``champion`` the one to use, ``previous`` the champion before.
"""

import json
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from sn7ml.data.model_files import package_digest
from sn7ml.errors import ModelError, StoreError
from sn7ml.experiment.provenance import provenance
from sn7ml.experiment.pyfunc import ARTIFACT, save_pyfunc
from sn7ml.experiment.runs import MODEL_DIGEST
from sn7ml.experiment.store import FINAL, Store, open_store
from sn7ml.params import PromoteParams

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"

VERDICT = "sn7.verdict"
"""Tag of a version: its last verdict in full, as JSON."""

Scores = Mapping[str, float | None]
"""scot, f1, iou, … of one model on the data of today; an undefined one is null, as JSON has it, or NaN."""

Numbers = Mapping[str, float]
"""The same, undefined ones being NaN."""


@dataclass(frozen=True)
class Verdict:
    """What became of a challenger."""

    promoted: bool
    """Whether the challenger is the champion now."""

    reasons: tuple[str, ...]
    """Why, a sentence each."""

    challenger_digest: str
    challenger: Numbers

    champion_digest: str | None
    """The champion it was compared with; None if there was none."""

    champion: Numbers | None
    """That champion's scores on the same data."""

    version: str = ""
    """The challenger's number in the registry. Differs between stores, so it is not in :meth:`as_dict`."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types; an undefined score is null. The same for the same models and data."""
        return {
            "promoted": self.promoted,
            "reasons": list(self.reasons),
            "challenger": _entry(self.challenger_digest, self.challenger),
            "champion": None if self.champion is None else _entry(str(self.champion_digest), self.champion),
        }


def promote(
    store: Store,
    package: Path,
    challenger: Scores,
    score_champion: Callable[[Path], Scores],
    params: PromoteParams,
    run_id: str,
) -> Verdict:
    """Register a model and make it the champion if it is better than the one there is.

    Within `dvc exp run` the champion stays, whatever comes out: experiments run beside each other.

    Parameters
    ----------
    package
        Folder of the trained model.
    challenger
        Its scores on the held-out data: at least scot, f1 and iou.
    score_champion
        Scores the package folder that it is given on the same data, in the same way.
    run_id
        MLflow run of the training.

    Raises
    ------
    StoreError
        If the champion's files are gone, or another process holds the registry for too long.
    """
    digest, challenger = package_digest(package), _numbers(challenger)
    with store.promoting():
        version = _register(store, package, digest, params.model_name, run_id)
        champion = _version_at(store.client, params.model_name, CHAMPION)
        if champion is not None and champion.tags.get(MODEL_DIGEST) == digest:
            verdict = _confirmed(champion, digest, challenger)
        else:
            verdict = _compare(store, champion, digest, challenger, score_champion, params)
        _publish(store.client, version, champion, verdict)
    return Verdict(**{**verdict.__dict__, "version": str(version.version)})


def package_folder(model: str) -> Path:
    """Return the package folder of a registered model (``models:/sn7-buildings@champion``), or ``model``, being a folder.

    Raises
    ------
    ModelError
        If it is neither.
    StoreError
        If the registry has no such model or its files are gone.
    """
    if not model.startswith("models:/"):
        if not Path(model).is_dir():
            raise ModelError(
                f"model {model!r} is neither a folder such as build/model nor like models:/sn7-buildings@champion"
            )
        return Path(model)
    store = open_store()
    try:
        with store.as_global():
            return Path(mlflow.artifacts.download_artifacts(f"{model}/artifacts/{ARTIFACT}", tracking_uri=store.uri))
    except (MlflowException, OSError) as error:
        raise StoreError(f"cannot fetch {model} from {store.uri}: {error}") from None


def _compare(
    store: Store,
    champion: ModelVersion | None,
    digest: str,
    challenger: Numbers,
    score_champion: Callable[[Path], Scores],
    params: PromoteParams,
) -> Verdict:
    if champion is None:
        against: Numbers | None = None
        objections = _below_floor(challenger, params)
        reasons = objections or ["there is no champion yet"]
    else:
        with tempfile.TemporaryDirectory(prefix="sn7ml-champion-") as folder:
            against = _numbers(score_champion(_fetch_package(store, champion, Path(folder))))
        objections = _below_floor(challenger, params) + _no_better(challenger, against, params)
        reasons = objections or [f"SCOT {_rise(challenger, against, 'scot')}, by at least {params.min_gain:g}"]
    if inside := provenance().get("dvc.exp_name"):
        reasons = [*reasons, f"inside the DVC experiment {inside!r} the champion stays as it is"]
    elsewhere = str(champion.tags.get(MODEL_DIGEST)) if champion is not None else None
    return Verdict(not objections and not inside, tuple(reasons), digest, challenger, elsewhere, against)


def _below_floor(challenger: Numbers, params: PromoteParams) -> list[str]:
    if _number(challenger["scot"]) >= params.min_scot:
        return []
    return [f"SCOT {challenger['scot']:.4f} is below promote.min_scot {params.min_scot:g}"]


def _no_better(challenger: Numbers, champion: Numbers, params: PromoteParams) -> list[str]:
    """Say what speaks against the challenger; nothing does if it is better."""
    objections = []
    gain = _number(challenger["scot"]) - _number(champion["scot"])
    if not (gain > 0 and gain >= params.min_gain):  # NaN, two undefined scores, is no gain either
        objections.append(
            f"SCOT {_rise(challenger, champion, 'scot')}: not better by promote.min_gain {params.min_gain:g}"
        )
    objections += [
        f"{name} {_rise(challenger, champion, name)}: lost more than promote.max_f1_loss {params.max_f1_loss:g}"
        for name in ("f1", "iou")
        if _number(challenger[name]) < _number(champion[name]) - params.max_f1_loss
    ]
    return objections


def _numbers(scores: Scores) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in scores.items()}


def _rise(challenger: Numbers, champion: Numbers, name: str) -> str:
    return f"{champion[name]:.4f} (champion) to {challenger[name]:.4f} (challenger)"


def _number(score: float) -> float:
    """Undefined is worse than anything."""
    return -math.inf if math.isnan(score) else score


def _confirmed(champion: ModelVersion, digest: str, challenger: Numbers) -> Verdict:
    """Return the verdict that made this very model champion, so that asking twice gives the same answer."""
    recorded = json.loads(champion.tags.get(VERDICT, "{}"))
    if recorded.get("promoted") and recorded["challenger"] == _entry(digest, challenger):
        loser, reasons = recorded["champion"], tuple(recorded["reasons"])
        if loser is None:
            return Verdict(True, reasons, digest, challenger, None, None)
        return Verdict(True, reasons, digest, challenger, loser["digest"], _numbers(loser["scores"]))
    return Verdict(True, ("it is the champion already",), digest, challenger, digest, challenger)


def _publish(client: MlflowClient, version: ModelVersion, champion: ModelVersion | None, verdict: Verdict) -> None:
    name, number = version.name, version.version
    tags = {VERDICT: json.dumps(verdict.as_dict()), "sn7.promoted": str(verdict.promoted).lower()}
    tags |= {f"test_{key}": f"{value:.6g}" for key, value in verdict.challenger.items()}
    for key, value in (tags | provenance()).items():
        client.set_model_version_tag(name, number, key, value)
    client.update_model_version(name, number, description=_markdown(verdict))
    client.set_registered_model_alias(name, CHALLENGER, number)
    if verdict.promoted and (champion is None or champion.version != number):
        # In this order: killed between the two, the old champion still stands.
        if champion is not None:
            client.set_registered_model_alias(name, PREVIOUS, champion.version)
        client.set_registered_model_alias(name, CHAMPION, number)


def _markdown(verdict: Verdict) -> str:
    lines = [
        f"**{'Promoted' if verdict.promoted else 'Not promoted'}**",
        "",
        *(f"* {text}" for text in verdict.reasons),
        "",
    ]
    lines += ["| score | challenger | champion |", "| --- | ---: | ---: |"]
    against = verdict.champion or {}
    lines += [
        f"| {name} | {value:.4f} | {f'{against[name]:.4f}' if name in against else '–'} |"
        for name, value in verdict.challenger.items()
    ]
    return "\n".join([*lines, "", f"Model digest `{verdict.challenger_digest}`."])


def _register(store: Store, package: Path, digest: str, name: str, run_id: str) -> ModelVersion:
    """Return the version that holds this very model, made at need."""
    client = store.client
    try:
        client.create_registered_model(name, description="Buildings in SpaceNet 7 mosaics; use the alias `champion`.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for known in client.search_model_versions(f"name = '{name}'"):
        if known.tags.get(MODEL_DIGEST) == digest:
            return known
    model_id = _log_model(store, package, digest, name, run_id)
    tags = {MODEL_DIGEST: digest}
    with store.as_global():
        made = client.create_model_version(name, f"models:/{model_id}", run_id=run_id, tags=tags, model_id=model_id)
    # The two links between model and version, and run and model (below), that MLflow's UI shows.
    client.set_logged_model_tags(
        model_id, {"mlflow.modelVersions": json.dumps([{"name": name, "version": made.version}])}
    )
    return made


def _log_model(store: Store, package: Path, digest: str, name: str, run_id: str) -> str:
    client = store.client
    model = client.create_logged_model(
        store.experiments[FINAL], name, source_run_id=run_id, tags={MODEL_DIGEST: digest}
    )
    with tempfile.TemporaryDirectory(prefix="sn7ml-register-") as folder:
        client.log_model_artifacts(model.model_id, str(save_pyfunc(package, Path(folder))))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    _copy_scores(client, run_id, model.model_id)
    return str(model.model_id)


def _copy_scores(client: MlflowClient, run_id: str, model_id: str) -> None:
    """Show the run's scores on the held-out data with the model too."""
    for name in client.get_run(run_id).data.metrics:
        if name.startswith("test_"):
            last: Metric = client.get_metric_history(run_id, name)[-1]
            client.log_metric(run_id, name, last.value, last.timestamp, last.step, model_id=model_id)


def _fetch_package(store: Store, version: ModelVersion, folder: Path) -> Path:
    uri = store.client.get_model_version_download_uri(version.name, version.version)
    try:
        found = mlflow.artifacts.download_artifacts(
            f"{uri}/artifacts/{ARTIFACT}", dst_path=str(folder), tracking_uri=store.uri
        )
    except (MlflowException, OSError) as error:
        raise StoreError(
            f"cannot read the champion, version {version.version} of {version.name!r}, at {uri} ({error}); bring the files back, "
            f"or take the alias {CHAMPION!r} from it in the MLflow UI"
        ) from None
    return Path(found)


def _version_at(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in (
            "INVALID_PARAMETER_VALUE",
            "RESOURCE_DOES_NOT_EXIST",
        ):  # MLflow's words for no such alias
            return None
        raise


def _entry(digest: str, scores: Numbers) -> dict[str, Any]:
    return {"digest": digest, "scores": {name: None if math.isnan(value) else value for name, value in scores.items()}}
