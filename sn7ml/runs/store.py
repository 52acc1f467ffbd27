"""The one door to MLflow: where runs, artifacts and registered models are kept.

Nothing else in the project builds a client or names a tracking URI, and nobody uses MLflow's global state
(``mlflow.start_run``, ``set_experiment``, autologging): its first use by several processes at once breaks a fresh
database or puts runs into experiment 0. The one place that cannot do without is :meth:`Store.as_global`.

::

    mlruns/mlflow.db            SQLite, write-ahead log
    mlruns/mlflow.lock          held while the store is set up
    mlruns/promotion.lock       held while the champion may change
    mlruns/artifacts/sn7/…      final models, one run each
    mlruns/artifacts/sn7-search/…   searches, their trials as children

``MLFLOW_TRACKING_URI`` moves all of it to a server, unchanged.
"""

import hashlib
import os
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeVar

import mlflow
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList
from sqlalchemy.exc import SADeprecationWarning, SQLAlchemyError

from sn7ml.core.errors import StoreError
from sn7ml.core.runtime.files import replacing

with warnings.catch_warnings():  # MLflow 3.17 uses a loader that SQLAlchemy 2.1 deprecates
    warnings.simplefilter("ignore", SADeprecationWarning)
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

FINAL = "sn7"
"""Experiment of the final models."""

SEARCH = "sn7-search"
"""Experiment of the searches: sorting by a metric flattens MLflow's nesting, so trials would bury the final models."""

DESCRIPTIONS: Mapping[str, str] = {
    FINAL: "Final models: one run per training, with its scores on the held-out split (metrics test_...), "
    "per-AOI table, overlays, params, data hash and commit.",
    SEARCH: "Searches by Optuna: one run per search, its trials as children, with their scores on the validation split "
    "(metrics val_...).",
}

VARIABLE = "MLFLOW_TRACKING_URI"
"""Environment variable that names another store."""

SQLITE = "sqlite:///"
DATABASE, ARTIFACTS, LOCK = Path("mlruns/mlflow.db"), Path("mlruns/artifacts"), Path("mlruns/mlflow.lock")
"""Below the project's root."""

LOCK_SECONDS = 300
"""How long to wait for another process that sets up the store or decides about the champion."""

PATH_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
"""Where MLflow writes absolute paths, whatever it is given."""

T = TypeVar("T")


@dataclass(frozen=True)
class Store:
    """An MLflow store that is ready for use."""

    uri: str
    """Tracking and registry URI."""

    client: MlflowClient

    experiments: Mapping[str, str]
    """``FINAL`` and ``SEARCH`` to the ids that MLflow gave them."""

    locks: Path
    """Folder for lock files."""

    def __reduce__(self) -> tuple[Callable[..., "Store"], tuple[str, dict[str, str], Path]]:
        # A client holds connections, which another process cannot use: there it gets its own.
        return _reopened, (self.uri, dict(self.experiments), self.locks)

    @contextmanager
    def promoting(self) -> Iterator[None]:
        """Let no other process of this machine change the champion. Raises StoreError after ``LOCK_SECONDS``."""
        with _locked(self.locks / "promotion.lock"):
            yield

    @contextmanager
    def as_global(self) -> Iterator[None]:
        """Make this MLflow's global store for a while: its registry looks logged models up there, not in its client."""
        before = os.environ.get(VARIABLE)
        mlflow.set_tracking_uri(self.uri)  # sets the environment variable too
        try:
            yield
        finally:
            mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # to none, and out of the environment
            if before is not None:
                os.environ[VARIABLE] = before


def _reopened(uri: str, experiments: Mapping[str, str], locks: Path) -> Store:
    return Store(uri, MlflowClient(tracking_uri=uri, registry_uri=uri), experiments, locks)


def open_store() -> Store:
    """Open the project's store; make it, and its experiments, if it is not there.

    The project is the folder named by ``DVC_ROOT`` (DVC sets it, and in a temporary checkout it names the real one),
    or the nearest folder with a ``dvc.yaml`` from here upwards. Many processes may call this at once.

    Raises StoreError if there is no project here, the store cannot be opened, or its folder was moved or copied.
    """
    server = os.environ.get(VARIABLE)
    try:
        if server:
            # Per user and server: nobody can open a lock file that another user has made.
            name = f"sn7ml-{os.getuid()}-{hashlib.sha256(server.encode()).hexdigest()[:8]}"
            return _ready(server, Path(tempfile.gettempdir()) / name)
        root = project_root()
        with _locked(root / LOCK):
            if not (root / DATABASE).exists():
                _create(root / DATABASE, root / ARTIFACTS)
            return _ready(f"{SQLITE}{root / DATABASE}", (root / LOCK).parent, root / ARTIFACTS)
    except (MlflowException, SQLAlchemyError, ImportError, ValueError) as error:
        # What a damaged database raises, a driver that is not installed, and an address that is none.
        raise StoreError("store.cannot-open", f"cannot open the store {server or DATABASE}: {error!s:.500}") from error


def paged(search: Callable[..., PagedList[T]]) -> Iterator[T]:
    """Go through all pages of one of MLflow's searches, which takes a ``page_token``."""
    token = None
    while True:
        page = search(page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def project_root() -> Path:
    """Return the project's root folder. Raises StoreError where there is none."""
    if named := os.environ.get("DVC_ROOT"):
        return Path(named).resolve()
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").exists():
            return folder
    raise StoreError(
        "project.not-here",
        f"no dvc.yaml in {here} or above: run this inside the project, or set DVC_ROOT or MLFLOW_TRACKING_URI",
    )


def relocate(root: Path) -> int:
    """Repair the store of a project that was moved or copied to ``root``: rewrite the paths kept in its database.

    Only paths under the old artifact folder change; returns how many did, 0 if the store was in order. Raises
    StoreError if there is no store.
    """
    root, changed = root.resolve(), 0
    database, new = root / DATABASE, str(root / ARTIFACTS)
    if not database.exists():
        raise StoreError("store.missing", f"no MLflow store at {database}; nothing to relocate")
    with _locked(root / LOCK), closing(sqlite3.connect(database)) as connection, connection:
        places = dict(connection.execute("SELECT name, artifact_location FROM experiments"))
        moved = {str(Path(places[name]).parent) for name in DESCRIPTIONS if name in places} - {new}
        for old, (table, column) in product(sorted(moved), PATH_COLUMNS):
            # substr, not LIKE: a folder's name may hold a wildcard.
            statement = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"
            changed += connection.execute(statement, (new, len(old) + 1, len(old) + 1, f"{old}/")).rowcount
    return changed


def _create(database: Path, artifacts: Path) -> None:
    # Migrating takes seconds; a process killed in the middle would leave a database that no later one can use.
    with replacing(database) as temporary:
        SqlAlchemyStore(f"{SQLITE}{temporary}", str(artifacts)).engine.dispose()  # type: ignore[no-untyped-call]
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=wal")  # kept in the file; halves the time of small writes


def _ready(uri: str, locks: Path, artifacts: Path | None = None) -> Store:
    """Return the store at an address, with its experiments; a server decides itself where artifacts lie."""
    if uri.startswith(SQLITE):
        place = Path(uri.removeprefix(SQLITE).partition("?")[0])
        # MLflow would try again and again for 100 seconds.
        if not place.parent.is_dir() or (place.exists() and not place.is_file()):
            raise StoreError(
                "store.cannot-open",
                f"cannot open the MLflow store {uri}: {place} is no file, or there is no folder {place.parent}",
            )
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiments = {name: _experiment(client, name, artifacts and artifacts / name) for name in DESCRIPTIONS}
    return Store(uri, client, experiments, locks)


def _experiment(client: MlflowClient, name: str, place: Path | None) -> str:
    """Return the id of an experiment, made at need; ``place`` is where its artifacts lie."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            tags = {"mlflow.note.content": DESCRIPTIONS[name]}
            return client.create_experiment(name, artifact_location=str(place) if place else None, tags=tags)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)  # another machine was quicker
            assert found is not None
    if found.lifecycle_stage != LifecycleStage.ACTIVE:
        raise StoreError(
            "store.experiment-deleted",
            f"the experiment {name!r} was deleted; bring it back with "
            f"`mlflow experiments restore --experiment-id {found.experiment_id}`",
        )
    if place is not None and found.artifact_location != str(place):
        raise StoreError(
            "store.moved",
            f"the MLflow store was made for {found.artifact_location}, but its project is now at {place}: the folder "
            "was moved or copied, and MLflow keeps absolute paths; mend them with `sn7ml relocate`",
        )
    return str(found.experiment_id)


@contextmanager
def _locked(lock_file: Path) -> Iterator[None]:
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock_file, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise StoreError(
            "store.locked", f"{lock_file} was held by another process for over {LOCK_SECONDS} s; is one hanging?"
        ) from None
