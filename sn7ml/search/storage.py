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
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from sn7ml.core.errors import StoreError
from sn7ml.search import STUDY_URL
from sn7ml.search.study import ReseededSampler

HEARTBEAT_SECONDS, GRACE_SECONDS = 20, 120
"""How often a worker reports to a database that it lives, and the silence after which another takes its trial."""

ADVISORY_LOCK = 0x736E37
"""Number of the lock that PostgreSQL holds for us ("sn7" in ASCII)."""


@dataclass(frozen=True)
class StudyAddress:
    """Names a study; picklable."""

    name: str

    folder: Path
    """For the journal, and for lock files."""

    url: str | None = None
    """Of a database. None: a journal file."""

    seed: int = 0

    @property
    def journal(self) -> Path:
        """The file of a study without a database."""
        return self.folder / f"{self.name}.log"

    def __str__(self) -> str:
        if self.url is None:
            return str(self.journal)
        return f"study {self.name!r} in {sqlalchemy.make_url(self.url).render_as_string(hide_password=True)}"

    def open(self) -> Study:
        """Open the study, made if absent; several processes may do so only once it exists (:meth:`setting_up`).

        Raises StoreError if the database cannot be used.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # failed trials are reported by MLflow, and by us
        storage: JournalStorage | RDBStorage
        try:
            if self.url is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                storage = JournalStorage(JournalFileBackend(str(self.journal)))
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExperimentalWarning)
                    beat, grace = HEARTBEAT_SECONDS, GRACE_SECONDS
                    storage = RDBStorage(self.url, heartbeat_interval=beat, grace_period=grace)
            return optuna.create_study(
                study_name=self.name,
                storage=storage,
                sampler=ReseededSampler(self.seed),
                pruner=MedianPruner(n_startup_trials=2, n_warmup_steps=2),  # from the second epoch on
                direction="maximize",
                load_if_exists=True,
            )
        except (SQLAlchemyError, ImportError) as error:
            raise self._unusable(error) from None

    def forget(self) -> None:
        """Delete the journal of a search that ended; a database keeps its study for other machines to read."""
        if self.url is None:
            self.journal.unlink()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from a journal: it does not say whether one that began a trial is still alive.

        Raises StoreError if another process has it. Does nothing for a database, which several machines share.
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
        """Keep others waiting while tables, the study and its first trials are made: two that do so at once both fail.

        PostgreSQL itself holds the lock between machines. Raises StoreError if the database cannot be used.
        """
        if self.url is None or not self.url.startswith("postgresql"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "setting-up.lock"):
                yield
            return
        try:
            connection = sqlalchemy.create_engine(self.url, poolclass=NullPool).connect()
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        except (SQLAlchemyError, ImportError) as error:
            raise self._unusable(error) from None
        with closing(connection):  # closing it gives the lock back, as dying does
            yield

    def _unusable(self, error: Exception) -> StoreError:
        reason = getattr(error, "orig", None) or error  # what the driver says, in several lines
        return StoreError(
            "search.cannot-open-study",
            f"cannot open {self} ({type(reason).__name__}: {' '.join(str(reason).split()):.300}); "
            f"is {STUDY_URL} right, does the server run, and is its driver installed (pip install 'sn7ml[cluster]')?",
        )
