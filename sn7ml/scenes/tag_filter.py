"""Filters of OpenStreetMap tags, as Mapnik writes them in files of classes.

::

    [highway].match('.+') and not ([tunnel] = 'yes' or [tunnel] = 'true')

``not`` binds closer than ``and``, ``and`` closer than ``or``. A tag that an object lacks is ``null``: it equals nothing
but ``null`` and matches nothing. Texts are compared as they stand; with a number, as numbers where they are some.
``match`` is of the whole value.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MOST_CHARACTERS, DEEPEST, MOST_REPEATS = 4_000, 30, 3
"""Of a filter: characters, parentheses within parentheses, and repeats (``+``, ``*``) of one pattern. A pattern comes
from a file of strangers, and some take years to match."""

TOKEN = re.compile(
    r"\s*(?:(?P<tag>\[[^\[\]]+\])|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<match>\.match\b)|(?P<word>[A-Za-z]+)|(?P<sign><=|>=|!=|<>|==|=|<|>|\(|\)))",
    re.ASCII,
)

Tags = Mapping[str, str]
Value = str | float | None
Test = Callable[[Tags], bool]
Read = Callable[[Tags], Value]

COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
EQUAL, UNEQUAL = ("=", "==", "is", "eq"), ("!=", "<>", "neq")


def parse_filter(text: str) -> Test:
    """Return what tells whether an object with some tags passes. An empty filter passes all.

    Raises ValueError that names the place where the text cannot be read.

    >>> passes = parse_filter("[natural] = 'wood' or [landuse] = 'forest'")
    >>> passes({"landuse": "forest"}), passes({"landuse": "grass"})
    (True, False)
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"has {len(text):,} characters; at most {MOST_CHARACTERS:,} are read")
    if not text.strip():
        return lambda _tags: True
    reader = _Reader(_tokens(text), text)
    test = reader.either(0)
    reader.expect_end()
    return test


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    while text[place:].strip():
        token = TOKEN.match(text, place)
        if token is None or token.lastgroup is None:
            raise ValueError(f"cannot be read from {text[place:].strip()!r:.40} on")
        kind = token.lastgroup
        found.append(_Token(kind, token[kind], token.start(kind)))
        place = token.end()
    return found


class _Reader:
    """Reads tokens by recursive descent, a method for each level of binding."""

    def __init__(self, tokens: list[_Token], text: str) -> None:
        self.tokens, self.text, self.at = tokens, text, 0

    def either(self, depth: int) -> Test:
        """Read tests joined by ``or``."""
        tests = [self.both(depth)]
        while self.took("or", "||"):
            tests.append(self.both(depth))
        return tests[0] if len(tests) == 1 else lambda tags: any(test(tags) for test in tests)

    def both(self, depth: int) -> Test:
        """Read tests joined by ``and``."""
        tests = [self.negated(depth)]
        while self.took("and", "&&"):
            tests.append(self.negated(depth))
        return tests[0] if len(tests) == 1 else lambda tags: all(test(tags) for test in tests)

    def negated(self, depth: int) -> Test:
        """Read a test, perhaps with ``not`` before it."""
        if depth > DEEPEST:
            raise ValueError(f"has more than {DEEPEST} parentheses or negations within one another")
        if self.took("not"):
            test = self.negated(depth + 1)
            return lambda tags: not test(tags)
        if self.took("("):
            test = self.either(depth + 1)
            if not self.took(")"):
                raise ValueError(f"lacks a ')' {self.where()}")
            return test
        return self.comparison()

    def comparison(self) -> Test:
        """Read a value that matches a pattern, is compared with another, or is there."""
        left = self.value()
        if self.took(".match"):
            pattern = self.pattern()
            return lambda tags: isinstance(it := left(tags), str) and pattern.fullmatch(it) is not None
        sign = self.next().text.lower() if self.at < len(self.tokens) else ""
        if sign in EQUAL or sign in UNEQUAL:
            self.at += 1
            right, wanted = self.value(), sign in EQUAL
            return lambda tags: _equal(left(tags), right(tags)) is wanted
        if compare := COMPARE.get(sign):
            self.at += 1
            right = self.value()
            return lambda tags: _ordered(compare, left(tags), right(tags))
        return lambda tags: left(tags) is not None

    def value(self) -> Read:
        """Read a tag, a text, a number or ``null``."""
        if self.at >= len(self.tokens):
            raise ValueError("ends where a tag such as [landuse] is expected")
        token = self.next()
        self.at += 1
        match token.kind:
            case "tag":
                name = token.text[1:-1].strip().strip("'\"")
                return lambda tags: tags.get(name)
            case "text":
                text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
                return lambda _tags: text
            case "number":
                number = float(token.text)
                return lambda _tags: number
            case "word" if token.text.lower() == "null":
                return lambda _tags: None
        raise ValueError(f"has {token.text!r:.40} where a tag such as [landuse], a text or a number is expected")

    def pattern(self) -> re.Pattern[str]:
        """Read what stands in the parentheses of ``match``."""
        if not self.took("(") or self.at >= len(self.tokens) or self.next().kind != "text":
            raise ValueError(f"expects match('pattern') {self.where()}")
        text = self.next().text[1:-1]
        self.at += 1
        if not self.took(")"):
            raise ValueError(f"lacks a ')' {self.where()}")
        if len(re.findall(r"[+*{]", text)) > MOST_REPEATS or re.search(r"\)\s*[+*{?]|\\\d|\(\?", text):
            raise ValueError(
                f"has the pattern {text!r:.60}; expected one with at most {MOST_REPEATS} repeats, and none of a group"
            )
        try:
            return re.compile(text)
        except re.error as error:
            raise ValueError(f"has the pattern {text!r:.60}, which is none ({error})") from None

    def next(self) -> _Token:
        """Return the token that comes next."""
        return self.tokens[self.at]

    def took(self, *texts: str) -> bool:
        """Skip the next token if it is one of these words or signs."""
        if self.at < len(self.tokens) and self.next().kind != "text" and self.next().text.lower() in texts:
            self.at += 1
            return True
        return False

    def where(self) -> str:
        """Say where reading stands."""
        return f"before {self.text[self.next().place :]!r:.40}" if self.at < len(self.tokens) else "at its end"

    def expect_end(self) -> None:
        """Raise ValueError if something is left."""
        if self.at < len(self.tokens):
            raise ValueError(f"has {self.text[self.next().place :]!r:.40} where it should end")


def _equal(one: Value, other: Value) -> bool:
    if one is None or other is None:
        return one is other
    if isinstance(one, float) or isinstance(other, float):
        pair = _number(one), _number(other)
        return None not in pair and pair[0] == pair[1]
    return one == other


def _ordered(compare: Callable[[float, float], bool], one: Value, other: Value) -> bool:
    left, right = _number(one), _number(other)
    return left is not None and right is not None and compare(left, right)


def _number(value: Value) -> float | None:
    if value is None or isinstance(value, float):
        return value
    try:
        return float(value) if value.isascii() and "_" not in value else None
    except ValueError:
        return None
