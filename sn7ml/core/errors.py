"""The errors that sn7ml raises on purpose.

Each carries a ``code`` such as ``labels.duplicate-id``, which stays when the message is reworded: programs and tests go
by the code, people by the message. docs/errors.md lists them all. Misuse by a programmer is a plain ``ValueError``.
"""

from collections.abc import Iterable, Mapping


class Sn7Error(Exception):
    """Something about the input or the set-up is wrong; the message says what and how to mend it.

    ``code`` is the subject and the reason, as in ``"labels.duplicate-id"``: a literal where the error is raised.
    ``faults`` are the errors that the message sums up, each with its own code; empty for most errors.
    """

    def __init__(self, code: str, message: str, faults: Iterable["Sn7Error"] = ()) -> None:
        self.code = code
        self.message = message
        self.faults = tuple(faults)
        super().__init__(code, message, self.faults)  # all: an exception is copied to another process by its arguments

    def __str__(self) -> str:
        return self.message


class ParamsError(Sn7Error):
    """A key or value in a params file is unknown, missing or out of range."""


class CatalogError(Sn7Error):
    """A data folder is not laid out like SpaceNet 7."""


class RasterError(Sn7Error):
    """A raster cannot be read or is not of the expected kind."""


class LabelError(Sn7Error):
    """A label or submission file cannot be read or breaks a rule."""


class GridError(Sn7Error):
    """Two grids that must agree do not, or a grid is of a kind that is not supported."""


class TableError(Sn7Error):
    """A table lacks columns, types or keys that it must have."""


class ValidationFailed(Sn7Error):
    """A critical expectation about the data does not hold."""


class ModelError(Sn7Error):
    """An architecture, encoder, set of weights or checkpoint cannot be used."""


class StoreError(Sn7Error):
    """The MLflow store or the model registry is not in a usable state."""


class AreasError(Sn7Error):
    """A boundary, a source of map tiles or a queue of jobs cannot be used."""


class ItemsFailed(Sn7Error):
    """Some items of a map failed: ``failures`` maps the name of each to its exception."""

    def __init__(self, failures: Mapping[str, Exception], total: int) -> None:
        self.failures = dict(failures)
        self.total = total
        lines = [f"  {name}: {type(error).__name__}: {error}" for name, error in sorted(self.failures.items())]
        super().__init__("items.failed", "\n".join([f"{len(self.failures)} of {total} items failed:", *lines]))

    def __reduce__(self) -> tuple[type["ItemsFailed"], tuple[dict[str, Exception], int]]:
        # An exception is pickled by its code and message, which is not what this __init__ takes.
        return type(self), (self.failures, self.total)


def heading(error: Exception) -> str:
    """Return what a terminal shows before an error's message, with its code if it has one.

    >>> heading(LabelError("labels.duplicate-id", "a.geojson: Id [7] occurs more than once"))
    'error [labels.duplicate-id]:'
    >>> heading(OSError("disk full"))
    'error:'
    """
    return f"error [{error.code}]:" if isinstance(error, Sn7Error) else "error:"
