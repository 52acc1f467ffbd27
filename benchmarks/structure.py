"""Figures of the code's structure beside their aims, measured by reading the code.

python -m benchmarks.structure                 the table
python -m benchmarks.structure --names         and the modules, stages and lines behind each figure
python -m benchmarks.structure --list ROOM     the private functions of a room that are called from one place
"""

import argparse
import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

import grimp
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sn7ml.params import TaskName

SCOT_AT_HOME = re.compile(
    r"sn7ml/(metrics/.*|tasks/buildings_through_time\.py|report/(pages/|charts/)?diagnosis\w*\.py|cli/score\.py)"
)
"""Where SCOT may be named: the scores, the SpaceNet 7 task, the pages and the command about it."""

FILE_NAMES = re.compile(r"global_monthly_|_mosaic_|L15-|images_masked|labels_match|UDM_masks|_Buildings|_UDM")
"""Parts of SpaceNet 7's file and folder names."""

PATTERN_NAMES = re.compile(r"(^|_)(PATTERNS?|FOLDERS?|ENDINGS?|PARTS)$")
"""Names of constants that hold parts of file names."""

WRITES_LAYOUTS = "sn7ml/synthetic/"
"""Synthetic data are drawn in every layout, so their writers know file names."""

PROCESS = re.compile(r"\bissue\b|by hand|not kept|no command repeats", re.IGNORECASE)
"""How the work went, which a reader of the docs need not know."""

UNCOUNTED_DOCS = ("params.md", "errors.md")
"""Written by commands."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Defined = tuple[str, str]
"""(module, top-level name in it)."""


@dataclass(frozen=True)
class Module:
    """A Python file."""

    file: str
    """Below the root, with slashes."""

    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax."""
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        """Dotted, as it is imported."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        """Folder or file right below the package; the package itself if it has no folders, or for its ``__init__``."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 and parts[0] == "sn7ml" else parts[0]

    @property
    def lines(self) -> int:
        """Lines of the file."""
        return len(self.text.splitlines())

    def functions(self) -> list[Function]:
        """Return the functions and methods, nested ones too."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    value: str
    aim: str
    reached: bool
    names: Sequence[str] = ()
    """What was counted."""


def read_modules(root: Path, packages: Sequence[str]) -> list[Module]:
    """Read every Python file of the packages."""
    files = sorted(path for package in packages for path in (root / package).rglob("*.py"))
    return [Module(path.relative_to(root).as_posix(), path.read_text()) for path in files]


def mentions_of_scot(modules: Sequence[Module]) -> list[str]:
    """Name the modules that mention SCOT where it is not at home."""
    return [
        module.file
        for module in modules
        if module.file.startswith("sn7ml/")
        and "scot" in module.text.lower()
        and not SCOT_AT_HOME.fullmatch(module.file)
    ]


def holders_of_file_names(modules: Sequence[Module]) -> list[str]:
    """Name the modules that hold parts of file names: literals without blanks, or constants imported from a layout.

    Text with blanks is for people, and a docstring or a comment names no file.
    """
    return [
        module.file
        for module in modules
        if not module.file.startswith(WRITES_LAYOUTS)
        and (any(map(FILE_NAMES.search, literals(module.tree))) or any(layout_constants(module.tree)))
    ]


def literals(tree: ast.AST) -> Iterator[str]:
    """Yield the texts without blanks, f-strings as one; no docstrings."""
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant):
        return
    if isinstance(tree, ast.JoinedStr | ast.Constant):
        parts = tree.values if isinstance(tree, ast.JoinedStr) else [tree]
        text = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
        if " " not in text:
            yield text
        return
    for child in ast.iter_child_nodes(tree):
        yield from literals(child)


def layout_constants(tree: ast.Module) -> Iterator[str]:
    """Yield the constants about file names that are imported from a module of layouts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and ".layouts" in (node.module or ""):
            yield from (alias.name for alias in node.names if PATTERN_NAMES.search(alias.name))


def stages_that_parse_labels(modules: Sequence[Module]) -> list[str]:
    """Name the pipeline scripts from which a function that takes the features of a GeoJSON can be reached by calls."""
    uses = {key: found for module in modules for key, found in references(module).items()}
    readers = {
        (module.name, node.name)
        for module in modules
        for node in module.tree.body
        if isinstance(node, Function | ast.ClassDef)
        and any(isinstance(it, ast.Constant) and it.value == "features" for it in ast.walk(node))
    }
    scripts = [module.name for module in modules if module.file.startswith("pipelines/")]
    return [script.rpartition(".")[2] for script in scripts if readers & reached_from(script, uses)]


def references(module: Module) -> dict[Defined, set[Defined]]:
    """Return for each name that a module defines or imports the names that it may use.

    A class uses what its methods use; what is imported inside a function counts for the whole module.
    """
    imported = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    tops: dict[str, ast.stmt] = {}
    for node in module.tree.body:
        if isinstance(node, Function | ast.ClassDef):
            tops[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            tops |= {it.id: node for target in targets for it in ast.walk(target) if isinstance(it, ast.Name)}
    known = imported | {name: (module.name, name) for name in tops}
    used = {
        name: {known[it.id] for it in ast.walk(node) if isinstance(it, ast.Name) and it.id in known}
        for name, node in tops.items()
    }
    return {
        (module.name, name): found for name, found in ({name: {it} for name, it in imported.items()} | used).items()
    }


def reached_from(script: str, uses: dict[Defined, set[Defined]]) -> set[Defined]:
    """Return all that the functions and classes of a script use, directly or not."""
    open_ends, reached = [key for key in uses if key[0] == script], set[Defined]()
    while open_ends:
        key = open_ends.pop()
        if key not in reached:
            reached.add(key)
            open_ends += uses.get(key, ())
    return reached


def called_once(module: Module) -> list[Function]:
    """Return the functions and methods with a private name that their module uses in exactly one place."""
    nodes = list(ast.walk(module.tree))
    uses = Counter(it.id for it in nodes if isinstance(it, ast.Name) and isinstance(it.ctx, ast.Load))
    uses += Counter(it.attr for it in nodes if isinstance(it, ast.Attribute) and isinstance(it.ctx, ast.Load))
    return [
        function
        for function in module.functions()
        if function.name.startswith("_") and not function.name.startswith("__") and uses[function.name] == 1
    ]


def share_called_once(modules: Sequence[Module]) -> float:
    """Return how many of all functions are private and called from one place, 0 to 1."""
    total = sum(len(module.functions()) for module in modules)
    return sum(len(called_once(module)) for module in modules) / total if total else 0.0


def rooms(modules: Sequence[Module]) -> dict[str, list[Module]]:
    """Group modules by room, the one with most lines first."""
    names = Counter[str]()
    for module in modules:
        names[module.room] += module.lines
    return {name: [module for module in modules if module.room == name] for name, _ in names.most_common()}


def cycles(graph: grimp.ImportGraph) -> list[str]:
    """Name the groups of modules that import each other in a circle."""
    modules = sorted(graph.modules)
    place = {name: number for number, name in enumerate(modules)}
    pairs = [(place[name], place[it]) for name in modules for it in graph.find_modules_directly_imported_by(name)]
    rows, cols = zip(*pairs, strict=True) if pairs else ((), ())
    matrix = coo_array((np.ones(len(pairs)), (rows, cols)), shape=(len(modules), len(modules)))
    groups = connected_components(matrix, connection="strong")[1]
    members = [[name for name in modules if groups[place[name]] == group] for group in np.unique(groups)]
    return [" ".join(group) for group in members if len(group) > 1]


def imports_up(graph: grimp.ImportGraph, layers: Sequence[str]) -> list[str]:
    """Name the imports that do not point down.

    Parameters
    ----------
    graph
        Of all imports.
    layers
        From the top, as import-linter has them: rooms of one layer are parted by ``|`` and do not know each other.
    """
    level = {room.strip(): number for number, layer in enumerate(layers) for room in layer.split("|")}

    def room_of(module: str) -> str | None:
        return next((room for room in level if module == room or module.startswith(f"{room}.")), None)

    found = []
    for name in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(name)):
            above, below = room_of(name), room_of(imported)
            if above and below and above != below and level[above] >= level[below]:
                found.append(f"{name} -> {imported}")
    return found


def docs_of(root: Path) -> list[Path]:
    """Return the Markdown files of the docs."""
    return sorted((root / "docs").rglob("*.md"))


def process_statements(root: Path) -> list[str]:
    """Name the places of the docs and the README that tell how the work went."""
    return [
        f"{path.relative_to(root)}:{number}: {match[0]}"
        for path in [*docs_of(root), root / "README.md"]
        if path.is_file()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for match in PROCESS.finditer(line)
    ]


def figures(root: Path, modules: Sequence[Module], graph: grimp.ImportGraph) -> list[Figure]:
    """Measure everything."""
    layers = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    by_room, lines = rooms(modules), sum(module.lines for module in modules)
    biggest = max(by_room, key=lambda room: sum(module.lines for module in by_room[room]))
    share = sum(module.lines for module in by_room[biggest]) / lines
    once = share_called_once(modules)
    words = sum(len(path.read_text().split()) for path in docs_of(root) if path.name not in UNCOUNTED_DOCS)
    stages = stages_that_parse_labels(modules)
    further = len(get_args(TaskName)) - 1  # SpaceNet 7 came first
    most_lines, most_words = 21_500 + 4_000 * further, 13_000 + 1_500 * further
    return [
        none_wanted("modules that mention SCOT elsewhere than at home", mentions_of_scot(modules)),
        count("modules that hold SpaceNet 7 file names", holders_of_file_names(modules), 1),
        Figure("stages that parse raw label files", str(len(stages)), "ingest, validate",
               set(stages) == {"ingest", "validate"}, stages),
        Figure("private functions called from one place", f"{once:.1%}", "15 %", once <= 0.15,
               [f"{room}: {share_called_once(there):.1%}" for room, there in by_room.items()]),
        Figure("product lines", f"{lines:,}", f"{most_lines:,}", lines <= most_lines),
        Figure(f"share of the biggest room, {biggest}", f"{share:.1%}", "15 %", share <= 0.15),
        none_wanted("import cycles", cycles(graph)),
        none_wanted("imports that do not point down", imports_up(graph, layers)),
        Figure("words in docs, but params.md and errors.md", f"{words:,}", f"{most_words:,}", words <= most_words),
        none_wanted("process statements in docs", process_statements(root)),
    ]  # fmt: skip


def count(name: str, found: Sequence[str], most: int) -> Figure:
    """Return the figure of things of which there shall be at most so many."""
    return Figure(name, str(len(found)), str(most), len(found) <= most, found)


def none_wanted(name: str, found: Sequence[str]) -> Figure:
    """Return the figure of things that shall not be."""
    return count(name, found, 0)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", action="store_true", help="print what was counted as well")
    parser.add_argument("--list", metavar="ROOM", help="print the private functions of a room called from one place")
    options, root = parser.parse_args(), Path.cwd()
    modules = read_modules(root, ("sn7ml", "pipelines"))
    if options.list:
        for module in rooms(modules).get(options.list, []):
            for function in called_once(module):
                print(f"{module.file}:{function.lineno} {function.name}")
        return
    sys.path.insert(0, str(root))
    show(modules, figures(root, modules, grimp.build_graph("sn7ml", "pipelines", cache_dir=None)), options.names)


def show(modules: Sequence[Module], measured: Sequence[Figure], names: bool) -> None:
    """Print the table of figures and the table of rooms."""
    console = Console(width=120)
    table = Table("", "today", "aim", "")
    for figure in measured:
        table.add_row(figure.name, figure.value, figure.aim, "✓" if figure.reached else "")
    console.print(table)
    table = Table("room", "modules", "lines", "called from one place")
    for room, there in rooms(modules).items():
        lines = sum(module.lines for module in there)
        table.add_row(room, str(len(there)), f"{lines:,}", f"{share_called_once(there):.0%}")
    console.print(table)
    for figure in measured if names else []:
        console.print(f"[bold]{figure.name}[/]", *figure.names, sep="\n  ", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
