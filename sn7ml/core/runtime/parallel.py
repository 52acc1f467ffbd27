"""One map over named items, on any ``concurrent.futures.Executor``.

Where the work runs is a property of the machine, not of the experiment, so it is no key of ``params.yaml`` (a change
of it must not re-run a stage) but an environment variable::

    SN7ML_EXECUTOR=serial            in this process
    SN7ML_EXECUTOR=processes:4       four processes here (the default: one per core)
    SN7ML_EXECUTOR=dask:tcp://host:8786   a Dask cluster (``pip install sn7ml[dask]``)
"""

import concurrent.futures
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from sn7ml.core.errors import ItemsFailed, ParamsError, Sn7Error

Item = TypeVar("Item")
Result = TypeVar("Result")
State = TypeVar("State")

VARIABLE = "SN7ML_EXECUTOR"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "GDAL_NUM_THREADS")


def map_items(
    function: Callable[[Item], Result],
    items: Mapping[str, Item],
    on_done: Callable[[str], None] = lambda _: None,
) -> dict[str, Result]:
    """Apply ``function`` to every item; return name to result, in the order of ``items``.

    ``function`` must be picklable (a module-level function or a ``partial`` of one) unless the executor is serial.
    ``on_done`` is called in this process with the name of each item as it ends, in the order they end.

    Raises ItemsFailed after all items have ended, if any raised. Its cause is the first failure that is a defect of
    ours (no Sn7Error, no error of the file system), if there is one, so that the traceback is not lost.
    """
    results: dict[str, Result] = {}
    failures: dict[str, Exception] = {}
    with _executor(len(items)) as executor:
        names = {executor.submit(function, item): name for name, item in items.items()}
        for future in concurrent.futures.as_completed(names):
            name = names[future]
            try:
                results[name] = future.result()
            except Exception as error:  # noqa: BLE001 - the one place that collects failures, to name them all
                failures[name] = error
            on_done(name)
    if failures:
        defect = next((error for error in failures.values() if not isinstance(error, Sn7Error | OSError)), None)
        raise ItemsFailed(failures, total=len(items)) from defect
    return {name: results[name] for name in items}


@contextmanager
def residents(
    build: Callable[[], State], count: int
) -> Iterator[Callable[[Callable[[State, Item], Result], Sequence[Item]], list[Result]]]:
    """Keep at most ``count`` workers for many rounds of calls on something large that each of them builds once.

    ``build`` makes it; it must be picklable, and small, unless the executor is serial. Yields a function that applies a
    function of (what was built, item) to items, and returns the results in their order or raises the first failure.
    """
    with _executor(count) as executor:
        if isinstance(executor, _Serial):
            built = build()
            yield lambda function, items: [function(built, item) for item in items]
        else:
            recipe = pickle.dumps(build)
            yield lambda function, items: [
                future.result() for future in [executor.submit(_on_built, recipe, function, item) for item in items]
            ]


def _on_built(recipe: bytes, function: Callable[[Any, Item], Result], item: Item) -> Result:
    return function(_built(recipe), item)


@lru_cache(maxsize=1)
def _built(recipe: bytes) -> Any:
    return pickle.loads(recipe)()


class _Serial(concurrent.futures.Executor):
    """Runs each call at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - handed to the caller through the future, as every executor does
            future.set_exception(error)
        return future


@contextmanager
def _executor(items: int) -> Iterator[concurrent.futures.Executor]:
    kind, _, detail = os.environ.get(VARIABLE, "processes").partition(":")
    match kind:
        case "serial":
            yield _Serial()
        case "processes":
            workers = min(_worker_count(detail), max(items, 1))
            if workers == 1:
                yield _Serial()
            else:
                # One thread each: two processes of two threads on two cores are slower than one. spawn: a forked child
                # of a process that has used OpenMP or GDAL threads can hang.
                context = multiprocessing.get_context("spawn")
                with (
                    _environment(dict.fromkeys(THREAD_VARIABLES, "1")),
                    concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as executor,
                ):
                    yield executor
        case "dask":
            try:
                from distributed import Client  # noqa: PLC0415 - an optional extra
            except ImportError:
                needs = f"{VARIABLE}=dask:… needs Dask: pip install 'sn7ml[dask]'"
                raise ParamsError("executor.no-dask", needs) from None
            try:
                client = Client(detail)
            except (OSError, ValueError) as error:  # nobody there in time; no address
                raise ParamsError(
                    "executor.no-scheduler", f"{VARIABLE}: no Dask scheduler answers at {detail!r} ({error!s:.200})"
                ) from None
            with client:
                yield client.get_executor()
        case _:
            expected = "serial, processes[:N] or dask:ADDRESS"
            raise ParamsError("executor.unknown", f"{VARIABLE} must be {expected}, got {kind!r}")


def _worker_count(detail: str) -> int:
    if not detail:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not detail.isdigit() or int(detail) < 1:
        raise ParamsError("executor.worker-count", f"{VARIABLE}=processes:N needs a positive number N, got {detail!r}")
    return int(detail)


@contextmanager
def shared_cores(workers: int) -> Iterator[None]:
    """Give each of ``workers`` processes that are started meanwhile its share of the cores, at least one.

    It gets a share of threads, and as many processes for maps of its own unless ``SN7ML_EXECUTOR`` says otherwise. A
    number of threads that the environment sets is shared likewise.
    """
    cores = _worker_count("")
    given = os.environ.get("OMP_NUM_THREADS", "")
    threads = max((int(given) if given.isdigit() else cores) // workers, 1)
    executor = os.environ.get(VARIABLE) or f"processes:{max(cores // workers, 1)}"
    with _environment(dict.fromkeys(THREAD_VARIABLES, str(threads)) | {VARIABLE: executor}):
        yield


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that are started meanwhile.

    Libraries read these variables while they are loaded, and a worker loads some before it runs any code of ours; so
    they are set here, for the workers to inherit.
    """
    before = {variable: value for variable, value in os.environ.items() if variable in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for variable in values:
            del os.environ[variable]
        os.environ.update(before)
