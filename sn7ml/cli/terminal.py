"""What is written to a terminal."""

from rich.console import Console

console = Console()
errors = Console(stderr=True)
