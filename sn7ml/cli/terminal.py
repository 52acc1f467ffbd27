"""What is written to a terminal."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

console = Console()
errors = Console(stderr=True)


def say(text: str, style: str | None = None) -> None:
    """Print text as it stands: brackets are no markup, numbers get no colour, and long lines are left to the terminal."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def show(table: Table) -> None:
    """Print a table whole: a terminal that is too narrow wraps its lines, instead of numbers being cut."""
    needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    Console(width=max(console.width, needed)).print(table)
