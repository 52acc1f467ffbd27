"""What is written to a terminal."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from sn7ml.core.errors import ParamsError

console = Console()
errors = Console(stderr=True)


def say(text: str, style: str | None = None) -> None:
    """Print text as it is: no markup, no coloured numbers, and long lines are left to the terminal."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def say_first(lines: Iterable[object], most: int, indent: str = "  ") -> None:
    """Print the first lines, and how many more there are."""
    found = list(lines)
    for line in found[:most]:
        say(f"{indent}{line}")
    if len(found) > most:
        say(f"{indent}… and {len(found) - most} more")


def show(table: Table) -> None:
    """Print a table whole: a terminal that is too narrow wraps its lines, instead of numbers being cut."""
    needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    Console(width=max(console.width, needed)).print(table)


def refuse_file(option: str, folder: Path | None) -> None:
    """Raise ParamsError if an output folder exists and is not a folder."""
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ParamsError("output.not-a-folder", f"{option} {folder} is a file; expected a folder, new or not")
