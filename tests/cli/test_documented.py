"""The command line and its pages agree: every command on a page can be typed, every command is on a page."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from sn7ml import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")), ROOT / "Makefile"]
APP: Any = get_command(cli.app)  # of the click that typer brings along
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def typed(path: Path) -> Iterator[list[str]]:
    """Arguments of every ``sn7ml …`` on a line of its own, of a block of code or of a recipe."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.match(r"\s*@?sn7ml ", line):
            words = shlex.split(line.strip().lstrip("@"), comments=True)
            stop = next((n for n, word in enumerate(words) if word in {"&&", "|", ">", ";"}), len(words))
            yield words[1:stop]


SHOWN = [(path.name, " ".join(words), words) for path in PAGES for words in typed(path)]


@pytest.mark.parametrize(("page", "line", "words"), SHOWN, ids=[f"{page}: {line}" for page, line, _ in SHOWN])
def test_a_command_on_a_page_has_the_arguments_and_options_that_it_takes(
    page: str, line: str, words: list[str]
) -> None:
    command = APP.commands.get(words[0])
    assert command is not None, f"{page}: there is no command {words[0]!r}"
    try:
        command.make_context(words[0], words[1:])
    except UsageError as error:
        pytest.fail(f"{page}: sn7ml {line}: {error}")


@pytest.mark.parametrize("name", APP.commands)
def test_a_command_is_shown_on_some_page_and_in_the_help_with_a_sentence(name: str) -> None:
    assert any(re.search(rf"\bsn7ml {name}\b", path.read_text(encoding="utf-8")) for path in PAGES)
    told = CliRunner().invoke(cli.app, ["--help"]).output
    (line,) = [line for line in told.splitlines() if re.match(rf"\W*{name} +[A-Z]", line)]
    assert len(line.split()) > 4
