"""Where a study is kept: a journal file beside the project, or a database that several machines share."""

import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
import sqlalchemy
from filelock import FileLock, Timeout
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import MedianPruner
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from sn7ml.core.errors import StoreError
from sn7ml.search import STUDY_URL
from sn7ml.search.study import ReseededSampler

HEARTBEAT_SECONDS, GRACE_SECONDS = 20, 120
"""How often a worker says in a database that it lives, and after how long a silence its trial is another's."""

ADVISORY_LOCK = 0x736E37
"""Number of the lock that PostgreSQL holds for us ("sn7" in ASCII)."""


@dataclass(frozen=True)
class StudyAddress:
    """Names a study; plain enough to be sent to another process."""

    name: str

    folder: Path
    """For the journal, and for lock files."""

    url: str | None = None
    """Of a database. None: a journal file."""

    seed: int = 0

    @property
    def journal(self) -> Path:
        """The file of a study that is in no database."""
        return self.folder / f"{self.name}.log"

    def __str__(self) -> str:
        if self.url is None:
            return str(self.journal)
        return f"study {self.name!r} in {sqlalchemy.make_url(self.url).render_as_string(hide_password=True)}"

    def open(self) -> Study:
        """Open the study, made at need. Several processes may do so only once it exists: see :meth:`alone`.

        Raises
        ------
        StoreError
            If the database cannot be used.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # failed trials are told by MLflow, and by us
        try:
            return optuna.create_study(
                study_name=self.name,
                storage=self._storage(),
                sampler=ReseededSampler(self.seed),
                pruner=MedianPruner(n_startup_trials=2, n_warmup_steps=2),  # from the second epoch on
                direction="maximize",
                load_if_exists=True,
            )
        except (SQLAlchemyError, ImportError) as error:
            raise self._unusable(error) from None

    def forget(self) -> None:
        """Delete the journal of a search that ended. A database keeps its study: other machines may still read the result."""
        if self.url is None:
            self.journal.unlink()

    def _storage(self) -> BaseStorage:
        if self.url is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            return JournalStorage(JournalFileBackend(str(self.journal)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return RDBStorage(self.url, heartbeat_interval=HEARTBEAT_SECONDS, grace_period=GRACE_SECONDS)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have a journal to oneself: nothing in it tells whether another process that began a trial still lives.

        Does nothing for a database, where workers of several machines meet.

        Raises
        ------
        StoreError
            If another process has it.
        """
        if self.url is not None:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.journal.with_suffix(".lock"), timeout=0):
                yield
        except Timeout:
            raise StoreError(
                "search.in-use", f"another process is at work on this search ({self.journal}); wait for it, or stop it"
            ) from None

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """Keep others waiting while tables, the study and its first trials are made.

        Two processes that make a study's tables at once fail both, on PostgreSQL too; so that one keeps the lock.

        Raises
        ------
        StoreError
            If the database cannot be used.
        """
        if self.url is None or not self.url.startswith("postgresql"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "setting-up.lock"):
                yield
            return
        with closing(self._locked_connection()):  # closing it gives the lock back, as dying does
            yield

    def _locked_connection(self) -> sqlalchemy.Connection:
        try:
            connection = sqlalchemy.create_engine(str(self.url), poolclass=NullPool).connect()
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            return connection
        except (SQLAlchemyError, ImportError) as error:
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> StoreError:
        reason = getattr(error, "orig", None) or error  # what the driver says, which tells it in several lines
        return StoreError(
            "search.cannot-open-study",
            f"cannot open {self} ({type(reason).__name__}: {' '.join(str(reason).split()):.300}); is {STUDY_URL} right, does the "
            "server run, and is its driver installed (pip install 'sn7ml[cluster]')?",
        )
