"""PostgreSQL, an S3 endpoint and an MLflow server on loopback, for as long as a test needs them."""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"

BUCKET = "sn7ml-artifacts"

START_SECONDS, STOP_SECONDS = 120, 15
"""How long a server may take until it answers, which is long on a busy machine, and until it has ended."""

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
"""Any do, for an S3 endpoint that is a toy; but botocore wants some."""

MODULES = ("psycopg2", "boto3", "moto", "flask_cors")

PR_SET_PDEATHSIG = 1
"""Linux: asks for a signal when the parent dies (prctl(2))."""

USERS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root. One of these runs it then."""


@dataclass(frozen=True)
class Services:
    """Where everything is."""

    tracking: str
    """Of the MLflow server."""

    study: str
    """Of the database for studies, as SQLAlchemy names it."""

    s3: Any
    """A client of the S3 endpoint."""


@dataclass(frozen=True)
class _Account:
    """Who runs PostgreSQL."""

    uid: int
    gid: int


def missing() -> str:
    """Return what these services need and this machine has not; nothing where they can be had."""
    modules = [name for name in MODULES if importlib.util.find_spec(name) is None]
    lacks = [f"the modules {', '.join(modules)} (pip install -r requirements-cluster.lock)"] if modules else []
    if _postgresql() is None:
        lacks.append("PostgreSQL's initdb and postgres (apt-get install postgresql)")
    if os.getuid() == 0 and _account() is None:
        lacks.append(f"a user other than root to run PostgreSQL ({' or '.join(USERS)})")
    return " and ".join(lacks)


@contextmanager
def running(logs: Path) -> Iterator[Services]:
    """Start all; stop all, however the block ends. What they say goes to ``logs``."""
    with _database(logs) as database, _s3(logs) as endpoint:
        import boto3

        s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=KEYS["AWS_DEFAULT_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )
        s3.create_bucket(Bucket=BUCKET)
        with closing(s3), _mlflow(logs, f"{database}/mlflow", endpoint) as tracking:
            yield Services(tracking, f"{database}/optuna", s3)


@contextmanager
def _database(logs: Path) -> Iterator[str]:
    """PostgreSQL with the empty databases ``mlflow`` and ``optuna``; yields the URL that their names are added to."""
    import psycopg2

    programs, account, port = _postgresql(), _account() if os.getuid() == 0 else None, _free_port()
    assert programs is not None
    # Not below pytest's folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="sn7ml-postgres-", ignore_cleanup_errors=True) as folder:
        switch: dict[str, Any] = {"cwd": folder}
        if account is not None:
            os.chown(folder, account.uid, account.gid)
            switch |= {"user": account.uid, "group": account.gid, "extra_groups": []}
        data = f"{folder}/data"
        setup = ["-U", "sn7ml", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        make = [str(programs / "initdb"), "-D", data, *setup]
        made = subprocess.run(make, capture_output=True, text=True, check=False, **switch)
        assert made.returncode == 0, made.stdout + made.stderr
        place = ["-h", LOOPBACK, "-p", str(port), "-k", folder]
        serve = [str(programs / "postgres"), "-D", data, *place, "-c", "fsync=off"]

        def connect() -> Any:
            return psycopg2.connect(host=LOOPBACK, port=port, user="sn7ml", dbname="postgres")

        def answers() -> bool:
            try:
                connect().close()
            except psycopg2.OperationalError:
                return False
            return True

        # SIGINT: end at once, also with clients connected. SIGTERM would wait for them.
        with _serving(serve, answers, logs / "postgres.log", end=signal.SIGINT, **switch):
            with closing(connect()) as connection:
                connection.autocommit = True
                for name in ("mlflow", "optuna"):
                    connection.cursor().execute(f"CREATE DATABASE {name}")
            yield f"postgresql+psycopg2://sn7ml@{LOOPBACK}:{port}"


@contextmanager
def _s3(logs: Path) -> Iterator[str]:
    port = _free_port()
    url = f"http://{LOOPBACK}:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)]
    with _serving(command, lambda: _answers(f"{url}/moto-api/"), logs / "moto.log"):
        yield url


@contextmanager
def _mlflow(logs: Path, database: str, endpoint: str) -> Iterator[str]:
    """The server alone knows the bucket and its keys; clients send it their artifacts."""
    port = _free_port()
    url = f"http://{LOOPBACK}:{port}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port), "--workers", "1",
        "--backend-store-uri", database, "--artifacts-destination", f"s3://{BUCKET}",
    ]  # fmt: skip
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    environ = os.environ | KEYS | quiet | {"MLFLOW_S3_ENDPOINT_URL": endpoint}
    environ.pop("MLFLOW_TRACKING_URI", None)
    with _serving(command, lambda: _answers(f"{url}/health"), logs / "mlflow.log", env=environ, cwd=logs):
        yield url


@contextmanager
def _serving(
    command: Sequence[str], answers: Callable[[], bool], log: Path, end: int = signal.SIGTERM, **options: Any
) -> Iterator[None]:
    """Have a server for the block. It is a process group of its own, none of which outlives the block."""

    def end_with_parent() -> None:  # also if this process is killed, and the block never ends
        libc.prctl(PR_SET_PDEATHSIG, end)

    libc = ctypes.CDLL(None)
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    with log.open("w") as said:
        process = subprocess.Popen(
            command, stdout=said, start_new_session=True, preexec_fn=end_with_parent, **streams, **options
        )
        try:
            give_up = time.monotonic() + START_SECONDS
            while not answers():
                assert process.poll() is None, f"{command[0]} ended:\n{log.read_text()[-3000:]}"
                assert time.monotonic() < give_up, f"{command[0]} does not answer:\n{log.read_text()[-3000:]}"
                time.sleep(0.2)
            yield
        finally:
            _stop(process, end)


def _stop(process: subprocess.Popen[bytes], end: int) -> None:
    process.send_signal(end)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    try:
        os.killpg(process.pid, signal.SIGKILL)  # also what the process left behind
    except ProcessLookupError:
        return
    process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _postgresql() -> Path | None:
    """Return the folder of PostgreSQL's programs. Debian keeps them off the PATH, a folder per version."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    for folder in [*on_path, *debian]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _account() -> _Account | None:
    for name in USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(entry.pw_uid, entry.pw_gid)
    return None
