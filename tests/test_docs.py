"""The documentation names only what exists, and stays short and about today."""

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from sn7ml import cli
from sn7ml.params import Params, load_params

ROOT = Path(__file__).resolve().parents[1]
GENERATED = [ROOT / "docs" / "params.md", ROOT / "docs" / "errors.md"]
GUIDES = sorted({ROOT / "README.md", *ROOT.glob("docs/**/*.md")} - set(GENERATED))
PAGES = [*GUIDES, *GENERATED, ROOT / "CHANGELOG.md"]

MOST_WORDS, MOST_WORDS_OF_A_TASK = 15_500, 900
MOST_README_LINES = 130
MOST_COLUMNS = 120

ABOUT_THE_WORK = re.compile(
    r"\bissue\b|by hand|throw-?away|not kept|no command repeats|this session|seen today|of that day|"
    r"\bcommit [0-9a-f]{7}\b|\ba trial; ",
    re.IGNORECASE,
)
"""How a number was found belongs in no page: each says what holds, and names the command that prints it."""

FILES = {"csv", "dvc", "geojson", "gpkg", "html", "json", "log", "md", "png", "py", "tif", "toml", "yaml"}
"""Endings by which ``predict.json`` is told from a param ``predict.splits``."""

PAST_SECTIONS = ("track", "buildings")
"""Sections of params.yaml that a page may not name any more."""

COMMANDS: Mapping[str, Any] = vars(typer.main.get_command(cli.app))["commands"]
"""Subcommand to what click knows of it."""


def text_of(page: Path) -> str:
    """Return a page with its HTML comments removed."""
    return re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def code_of(page: Path) -> Iterator[str]:
    """Yield every line of a fenced block, and every inline code span."""
    fenced = False
    prose: list[str] = []
    for line in text_of(page).splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced:
            yield line
        else:
            prose.append(line)
    for span in re.finditer(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "\n".join(prose), re.DOTALL):
        yield " ".join(span[2].split())


def words_of(line: str) -> list[str]:
    """Return the words of a shell command without its comment; [] if it is none."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def simple_commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command of a page, those that ``&&`` joins apart."""
    for line in code_of(page):
        command: list[str] = []
        for word in [*words_of(line), "&&"]:
            if word in {"&&", "||", "|", ";"}:
                yield command
                command = []
            else:
                command.append(word)


def options_in(words: list[str]) -> set[str]:
    return {word.split("=")[0].rstrip("`") for word in words if re.match(r"--[a-z]", word)}


def faults_of_sn7ml(words: list[str]) -> Iterator[str]:
    """Name a subcommand, or options of it, that ``sn7ml`` does not have."""
    if words[:1] != ["sn7ml"] or len(words) < 2 or not re.fullmatch(r"[a-z]+", words[1]):
        return
    command = COMMANDS.get(words[1])
    if command is None:
        yield f"sn7ml {words[1]}: no such command"
        return
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    yield from (f"sn7ml {words[1]} {option}: no such option" for option in options_in(words[2:]) - known - {"--help"})


def faults_of_make(words: list[str]) -> Iterator[str]:
    """Name targets that the Makefile lacks."""
    if words[:1] == ["make"]:
        named = {word for word in words[1:] if re.fullmatch(r"[a-z-]+", word)}
        yield from (f"make {word}" for word in named - make_targets())


@cache
def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@cache
def stages() -> set[str]:
    return set(yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"])


@cache
def params() -> dict[str, Any]:
    return load_params(ROOT / "params.yaml").model_dump()


def faults_of_python(words: list[str]) -> Iterator[str]:
    """Name modules of ours that do not exist, and options that their text does not hold."""
    if words[:2] != ["python", "-m"] or len(words) < 3:
        return
    name = words[2]
    if name.split(".")[0] not in {"benchmarks", "pipelines", "sn7ml", "tests"} or name.endswith("…"):
        return
    path = ROOT / f"{name.replace('.', '/')}.py"
    if not path.is_file():
        yield f"python -m {name}: no such module"
        return
    source = path.read_text(encoding="utf-8")
    yield from (f"python -m {name} {option}: no such option" for option in options_in(words) if option not in source)


def faults_of_dvc(words: list[str]) -> Iterator[str]:
    """Name stages that dvc.yaml lacks."""
    if words[:2] in (["dvc", "repro"], ["dvc", "freeze"]):
        named = {word for word in words[2:] if re.fullmatch(r"[a-z_]+", word)}
        yield from (f"dvc: no stage {word}" for word in named - stages())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_exists_with_its_options(page: Path) -> None:
    checks = (faults_of_sn7ml, faults_of_make, faults_of_python, faults_of_dvc)
    faults = [fault for words in simple_commands(page) for check in checks for fault in check(words)]
    assert not faults


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    faults = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        if not found.exists() or (anchor and anchor not in anchors_of(found)):
            faults.append(target)
    assert not faults


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_path_in_the_repository_exists(page: Path) -> None:
    paths = re.compile(r"(?:sn7ml|tests|benchmarks|pipelines|configs|docs)/[\w./-]+")
    named = [code for code in code_of(page) if paths.fullmatch(code)]
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_param_exists(page: Path) -> None:
    dotted = re.compile(rf"(?:{'|'.join([*Params.model_fields, *PAST_SECTIONS])})(?:\.[a-z0-9_]+)+")
    found = [match[0] for code in code_of(page) if (match := dotted.match(code))]
    assert not [key for key in found if key.rsplit(".", 1)[1] not in FILES and not is_param(key)]


def is_param(key: str) -> bool:
    """Return True if a dotted key leads to a value or a section of params.yaml."""
    section: Any = params()
    for name in key.split("."):
        if not isinstance(section, dict) or name not in section:
            return False
        section = section[name]
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_say_what_holds_and_not_how_the_work_went(page: Path) -> None:
    lines = enumerate(text_of(page).splitlines(), 1)
    assert not [f"{number}: {line}" for number, line in lines if ABOUT_THE_WORK.search(line)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_fit_a_diff(page: Path) -> None:
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    assert not [number for number, line in lines if len(line) > MOST_COLUMNS]


def test_the_guides_are_short() -> None:
    words = {page: len(page.read_text(encoding="utf-8").split()) for page in GUIDES}
    assert sum(count for page, count in words.items() if page.parent.name != "tasks") <= MOST_WORDS
    assert not {
        page: count for page, count in words.items() if page.parent.name == "tasks" and count > MOST_WORDS_OF_A_TASK
    }
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MOST_README_LINES


def test_the_checks_find_what_is_wrong(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Run `sn7ml gibt` or `sn7ml runs --nein`, `make nothing`.\n\n```\n"
        "dvc repro sleep && python -m benchmarks.bench_dream\nmake test   # sn7ml gibt\n```\n",
        encoding="utf-8",
    )
    checks = (faults_of_sn7ml, faults_of_make, faults_of_python, faults_of_dvc)
    faults = [fault for words in simple_commands(page) for check in checks for fault in check(words)]
    assert sorted(faults) == [
        "dvc: no stage sleep",
        "make nothing",
        "python -m benchmarks.bench_dream: no such module",
        "sn7ml gibt: no such command",
        "sn7ml runs --nein: no such option",
    ]
