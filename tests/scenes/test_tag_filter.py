"""Mapnik's filters of tags: what passes is worked out by hand."""

import pytest

from sn7ml.scenes.tag_filter import parse_filter

ROAD = "[highway].match('.+') and not ([tunnel] = 'yes' or [tunnel]='true')"
"""Of skynet-data."""


@pytest.mark.parametrize(
    ("text", "tags", "passes"),
    [
        (ROAD, {"highway": "primary"}, True),
        (ROAD, {"highway": "primary", "tunnel": "no"}, True),
        (ROAD, {"highway": "primary", "tunnel": "yes"}, False),
        (ROAD, {"tunnel": "no"}, False),
        ("([natural] = 'wood') or ([landuse] = 'forest')", {"landuse": "forest"}, True),
        ("([natural] = 'wood') or ([landuse] = 'forest')", {"natural": "water"}, False),
        ("[a] = 'x' or [b] = 'y' and [c] = 'z'", {"a": "x"}, True),  # and binds closer
        ("([a] = 'x' or [b] = 'y') and [c] = 'z'", {"a": "x"}, False),
        ("not [a] = 'x' and [b] = 'y'", {"b": "y"}, True),
        ("not ([a] = 'x' and [b] = 'y')", {"b": "y"}, True),
        ("[a].match('x')", {"a": "xy"}, False),  # of the whole value
        ("[a].match('x|y')", {"a": "y"}, True),
        ("[a] != 'x'", {}, True),
        ("[a] = null", {}, True),
        ("[a] <> null", {"a": "x"}, True),
        ("[lanes] >= 2", {"lanes": "2"}, True),
        ("[lanes] < 2", {"lanes": "many"}, False),
        ("[lanes] = 2", {"lanes": "2.0"}, True),
        ('[name] = "Mapnik\'s"', {"name": "Mapnik's"}, True),
        ("[name] = 'it\\'s'", {"name": "it's"}, True),
        ("[name] = 'and'", {"name": "and"}, True),  # a text, no word
        ("[a]", {"a": "no"}, True),
        ("", {}, True),
    ],
)
def test_a_filter_passes_what_mapnik_would(text: str, tags: dict[str, str], passes: bool) -> None:
    assert parse_filter(text)(tags) is passes


@pytest.mark.parametrize(
    "text",
    [
        "[a] = ", "[a", "([a] = 'x'", "[a] = 'x')", "[a] = 'x' [b]", "[a] = x", "or [a]", "[a].match(x)",
        "[a].match('[')",
        "[a] = 'x", "[a] & [b]", "[a].match('(x+)+')", "[a].match('.*.*.*.*')", "[a].match('(x)\\1')",
        "(" * 40 + "[a]" + ")" * 40, "not " * 40 + "[a]", "[a] = 'x' or " * 400 + "[b]",
    ],
)  # fmt: skip
def test_what_cannot_be_read_or_could_take_for_ever_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_filter(text)
