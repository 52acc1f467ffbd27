"""Untrusted files, opened with bounds: regular files only, no more bytes than stated, nothing that grows in memory.

Every reader of the project goes through here, or through ``sn7ml.scenes.rasters`` for what GDAL reads. Errors of the
file are ``OSError``, errors of its content ``ValueError``, each with a reason that needs no traceback; the readers turn
them into their own error that names the file. docs/hostile-input.md lists all bounds.
"""

import errno
import io
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import yaml

MIB = 2**20

MOST_YAML_BYTES = MIB // 4
"""Params, recipes, data.dvc: ours have a few thousand. PyYAML reads about 100 kB in a second."""

MOST_JSON_BYTES = 128 * MIB
"""Labels and scores. The fullest real label file has 3 MB; parsed, text takes up to 30 times its size."""

PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}", re.ASCII)

KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


def require_regular(path: Path, most_bytes: int) -> None:
    """Refuse a path that no library may open: a folder, a pipe (it would wait for ever), a device, a giant.

    Links are followed: DVC lays data out as links into its cache.

    Raises OSError if the file is absent, no regular file, or larger than ``most_bytes``; ``strerror`` is the reason.
    """
    _check(path, path.stat(), most_bytes)


def open_regular(path: Path, most_bytes: int) -> io.BufferedReader:
    """Open a file for reading. Raises OSError as :func:`require_regular` does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # without it, opening a pipe waits for one who writes
    try:
        _check(path, os.fstat(descriptor), most_bytes)
        return io.open(descriptor, "rb")  # noqa: UP020 - os.fdopen, with a type that says what it gives
    except BaseException:
        os.close(descriptor)
        raise


def open_text(path: Path, most_bytes: int) -> TextIO:
    """Open text in UTF-8, with or without byte order mark, line ends as they stand. Raises OSError."""
    return io.TextIOWrapper(open_regular(path, most_bytes), encoding="utf-8-sig", newline="")


def read_text(path: Path, most_bytes: int) -> str:
    """Read text in UTF-8, with or without byte order mark. Raises OSError, or ValueError if it is none."""
    with open_regular(path, most_bytes) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:  # files of /proc claim to be empty
        raise _too_large(path, len(content), most_bytes)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is 0x{content[error.start]:02x}; expected text in UTF-8") from None


def read_json(path: Path) -> Any:
    """Read JSON of at most ``MOST_JSON_BYTES``. Raises OSError, or ValueError for no JSON or a key named twice."""
    return parse_json(read_text(path, MOST_JSON_BYTES))


def parse_json(text: str) -> Any:
    """Parse JSON. Raises ValueError as :func:`read_json`, or if a text in it holds half a character."""
    try:
        content = json.loads(text, object_pairs_hook=unique_keys)
        if "\\ud" in text or "\\uD" in text:  # half a character (a surrogate) cannot be written to any file
            json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("lists or objects lie too deep within one another") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"a text holds {error.object[error.start]!r}, half a character") from None
    return content


def read_yaml(path: Path) -> Any:
    """Read YAML of at most ``MOST_YAML_BYTES``, without Python tags and aliases (a few of these can name 10^9 values).

    Raises OSError as :func:`require_regular`; ValueError if it is none, or a mapping names a key twice.
    """
    text = read_text(path, MOST_YAML_BYTES)
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except RecursionError:
        raise ValueError("lists or mappings lie too deep within one another") from None
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        # Besides its own errors, PyYAML lets through what int(), float() and datetime raise on odd scalars.
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def plain_name(name: object) -> str:
    """Return ``name`` if it is a plain part of a path: no separator, no leading point. Raises ValueError if not."""
    if not isinstance(name, str) or not PLAIN_NAME.fullmatch(name):
        raise ValueError(f"{name!r:.80} is no plain name; expected letters, digits, _, -, + and points in between")
    return name


class _StrictLoader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read; write the value out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        content = super().construct_mapping(node, deep=deep)
        if len(content) != len(node.value):
            twice = repeated([str(key.value) for key, _ in node.value])
            raise yaml.constructor.ConstructorError(None, None, f"key(s) {twice} twice in a mapping", node.start_mark)
        return content


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of JSON of its pairs, for ``object_pairs_hook``. Raises ValueError if it names a key twice."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError(f"an object names {repeated([name for name, _ in pairs])[:5]} twice")
    return content


def repeated(names: Sequence[str]) -> list[str]:
    """Return the names that occur more than once, in order."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _check(path: Path, found: os.stat_result, most_bytes: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        what = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise OSError(errno.EINVAL, f"it is {what}, not a regular file", str(path))
    if found.st_size > most_bytes:
        raise _too_large(path, found.st_size, most_bytes)


def _too_large(path: Path, size: int, most_bytes: int) -> OSError:
    return OSError(errno.EFBIG, f"it has {size:,} bytes or more; at most {most_bytes:,} are read", str(path))
