"""``sn7ml …``, for people. DVC's stages do not use it."""

from collections.abc import Callable
from typing import NoReturn

import typer
from rich.markup import escape

from sn7ml.cli import terminal
from sn7ml.cli.areas import areas, areas_work
from sn7ml.cli.models import models, promote, rollback
from sn7ml.cli.predict import predict
from sn7ml.cli.project import check, data, relocate_store, search, show_params, synth, ui, use
from sn7ml.cli.runs import compare, runs
from sn7ml.cli.score import score
from sn7ml.cli.validate import validate
from sn7ml.core.errors import Sn7Error, heading

app = typer.Typer(
    help="Find every building in monthly satellite images and follow each through time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
COMMANDS: tuple[Callable[..., None], ...] = (
    *(synth, data, check, show_params, use, search, validate, predict, areas, areas_work, score),
    *(runs, compare, models, promote, rollback, ui, relocate_store),
)
NAMES: dict[Callable[..., None], str] = {show_params: "params", relocate_store: "relocate"}
for command in COMMANDS:
    app.command(NAMES.get(command))(command)


def main() -> NoReturn:
    """Run the command line; an error of input, or of the file system, is one message and exit code 1."""
    try:
        app()
    except (Sn7Error, OSError) as error:
        head, text = escape(heading(error)), escape(printable(str(error)))
        terminal.errors.print(f"[bold red]{head}[/] {text}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from None
    raise SystemExit(0)


def printable(text: str) -> str:
    """Return ``text`` with what a terminal would obey, or cannot show, as escapes: file names may hold any byte."""
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)
