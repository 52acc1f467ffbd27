"""Errors a test expects, by class, code and the values they name: their wording is free.

::

    with raises(LabelError, "labels.duplicate-id", path, 7):
        read_labels(path)
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import pytest

from sn7ml.core.errors import ItemsFailed, Sn7Error

Raised = TypeVar("Raised", bound=Sn7Error)


@contextmanager
def raises(
    kind: type[Raised], code: str | tuple[str, ...], *values: object, faults: Sequence[str] = ()
) -> Iterator[pytest.ExceptionInfo[Raised]]:
    """Expect an error of exactly this class and code whose message names every value.

    A number must stand by itself: 7 is not named by "17" or "7.5". ``faults`` are the codes of the errors that this one
    sums up, in their order. Of several codes one is enough: what a damaged file looks like may depend on a library.
    """
    with pytest.raises(kind) as caught:
        yield caught
    assert_is(caught.value, kind, code, *values)
    assert [fault.code for fault in caught.value.faults] == list(faults)


@contextmanager
def items_fail(expected: Mapping[str, tuple[object, ...]]) -> Iterator[pytest.ExceptionInfo[ItemsFailed]]:
    """Expect a map to fail for just these items: name of an item to (class, code, values …)."""
    with pytest.raises(ItemsFailed) as caught:
        yield caught
    failures = caught.value.failures
    assert sorted(failures) == sorted(expected)
    for name, (kind, code, *values) in expected.items():
        assert name in str(caught.value)
        assert_is(failures[name], kind, code, *values)


def assert_is(error: Exception, kind: object, code: object, *values: object) -> None:
    """Check the class, the code, and that the message names every value."""
    assert type(error) is kind, f"{type(error).__name__}: {error}"
    assert isinstance(error, Sn7Error)
    assert error.code in (code if isinstance(code, tuple) else (code,)), f"expected {code}, got {error.code}: {error}"
    assert_names(str(error), *values)


def assert_names(text: str, *values: object) -> None:
    """Check that a text names every value."""
    missing = [str(value) for value in values if not _names(text, value)]
    assert not missing, f"{missing} not named in: {text}"


def _names(text: str, value: object) -> bool:
    if isinstance(value, int | float):
        written = "|".join(re.escape(number) for number in (str(value), f"{value:,}"))
        return re.search(rf"(?<![\w.,])({written})(?!\w|[.,]\d)", text) is not None
    return str(value) in text
