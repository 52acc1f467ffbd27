"""Which sections of params.yaml a script reads, followed into every function that is given all params."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sn7ml.params import Params

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = set(Params.model_fields)
Definition = ast.FunctionDef | ast.ClassDef


class CannotFollowError(Exception):
    """Params go where this reading of the code cannot see what is taken from them."""


def sections_read(module: str) -> set[str]:
    """Return the sections that a script takes from ``load_params()``, by itself or in functions of sn7ml.

    Raises
    ------
    CannotFollowError
        If all params are used otherwise than by taking a section or as an argument of a function or class that names
        them as ``Params``: what is read could not be seen then.
    """
    return _read_in(tree_of(module), module, frozenset())


@cache
def tree_of(module: str) -> ast.Module:
    path = ROOT / module.replace(".", "/")
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))


def _read_in(scope: ast.AST, module: str, callers: frozenset[tuple[str, str]]) -> set[str]:
    holders = set(_holders(scope))
    parents = {id(child): node for node in ast.walk(scope) for child in ast.iter_child_nodes(node)}
    read: set[str] = set()
    for node in ast.walk(scope):
        if not _holds(node, holders):
            continue
        parent = parents[id(node)]
        if isinstance(parent, ast.keyword | ast.Tuple) and (_loads(node) or isinstance(parent, ast.keyword)):
            parent = parents[id(parent)]
        if isinstance(parent, ast.Attribute):
            read |= {parent.attr} & SECTIONS
        elif isinstance(parent, ast.Call):
            read |= _read_by(parent, module, callers)
        elif not (_loads(node) and isinstance(parent, ast.Assign)):
            raise CannotFollowError(f"{module}, line {node.lineno}: {ast.unparse(parent)}")  # type: ignore[attr-defined]
    return read


def _holders(scope: ast.AST) -> Iterator[str]:
    """Names, arguments and fields that hold all params."""
    for node in ast.walk(scope):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            if ast.unparse(node.annotation).strip("'\"") == "Params":
                yield node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
        elif isinstance(node, ast.Assign):
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            names = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
            for name, value in zip(names, values, strict=False):
                if _loads(value):
                    yield ast.unparse(name)


def _loads(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "load_params"


def _holds(node: ast.AST, holders: set[str]) -> bool:
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
        return node.attr in holders
    return _loads(node) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in holders)


def _read_by(call: ast.Call, module: str, callers: frozenset[tuple[str, str]]) -> set[str]:
    """Sections read by the function or class that is called with all params; nothing new by one that calls itself."""
    if not isinstance(call.func, ast.Name):
        raise CannotFollowError(f"{module}, line {call.lineno}: {ast.unparse(call)}")
    where, definition = _defined(call.func.id, module)
    if (where, definition.name) in callers:
        return set()
    if not set(_holders(definition)):
        raise CannotFollowError(f"{where}: {definition.name} names no argument as Params")
    return _read_in(definition, where, callers | {(where, definition.name)})


def _defined(name: str, module: str) -> tuple[str, Definition]:
    """Module and code of a name, through imports."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == name for alias in node.names):
            return _defined(name, str(node.module))
    raise CannotFollowError(f"{module}: {name} is not defined there")
