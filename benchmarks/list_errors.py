"""List the errors that sn7ml raises on purpose, by code: ``python -m benchmarks.list_errors > docs/errors.md``."""

import ast
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sn7ml.core import errors

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("sn7ml", "pipelines", "benchmarks")

CLASSES = {
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.Sn7Error) and kind is not errors.ItemsFailed
}
"""Errors that take a code; ItemsFailed brings its own."""

HEAD = """# Errors by code

Made by `python -m benchmarks.list_errors > docs/errors.md`; a test holds it to the source.

What sn7ml raises on purpose is an `Sn7Error` with a `code`, shown on a terminal as `error [CODE]: message`. A code
keeps its meaning when the message is reworded, so programs compare `error.code`. Where one error is passed on inside
another, its code stays.

| code | class | raised in `sn7ml/` |
| --- | --- | --- |
| `items.failed` | `ItemsFailed` | \
every map over AOIs, frames or networks; `error.failures` holds the error of each |"""


class Site(NamedTuple):
    """A place in the source that builds an error."""

    file: str
    line: int
    error: str
    code: str | None
    """None where the code is no literal."""
    passed_on: bool
    """The code is that of another error: ``ParamsError(error.code, …)``."""


def sites(sources: tuple[str, ...] = SOURCES) -> Iterator[Site]:
    """Find every call of one of ``CLASSES``."""
    for path in (path for source in sources for path in sorted((ROOT / source).rglob("*.py"))):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and (name := ast.unparse(call.func).rpartition(".")[2]) in CLASSES:
                code = call.args[0] if call.args else None
                literal = code.value if isinstance(code, ast.Constant) and isinstance(code.value, str) else None
                passed_on = isinstance(code, ast.Attribute) and code.attr == "code"
                yield Site(str(path.relative_to(ROOT)), call.lineno, name, literal, passed_on)


def as_markdown() -> str:
    """Return the text of docs/errors.md."""
    found: dict[str, list[Site]] = defaultdict(list)
    for site in sites():
        if site.code:
            found[site.code].append(site)
    rows = [
        f"| `{code}` | {_listed(it.error for it in found[code])} | {_listed(_room(it.file) for it in found[code])} |"
        for code in sorted(found)
    ]
    return "\n".join([HEAD, *rows])


def _room(file: str) -> str:
    """Return the part of the package a file is in, which lasts longer than its name; of sn7ml, its subpackage."""
    return "/".join(Path(file).parent.parts[:2]).removeprefix("sn7ml/")


def _listed(names: Iterator[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(set(names)))


if __name__ == "__main__":
    print(as_markdown())
