"""Find buildings, land use and settlements in satellite images, with every run on record.

For Python users, ``import sn7ml`` has a dozen names: ``sn7ml/__init__.pyi`` lists them, docs/python.md shows each.
A name is imported when it is first used, so that ``import sn7ml`` loads no library at all.

The stub is the only list: type checkers and editors read it, and so does ``__getattr__`` here. This file itself imports
nothing of sn7ml and stays as it is when a name is added, so no stage of dvc.yaml, which all depend on it, runs again.
"""

import ast
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"


@cache
def _modules() -> dict[str, str]:
    """Return public name → module that holds it, from the imports in the stub."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def __getattr__(name: str) -> Any:
    if name.startswith("__") or name not in _modules():
        raise AttributeError(f"module 'sn7ml' has no attribute {name!r}")
    return getattr(import_module(_modules()[name]), name)


def __dir__() -> list[str]:
    return sorted([*_modules(), "__version__"])
