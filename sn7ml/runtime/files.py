"""Write files so that no reader ever meets half of one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name in the folder of ``path``; on success it becomes ``path``, on failure it vanishes.

    The temporary name keeps the suffix, since many writers choose the format by it. Parent folders are made.
    A folder may be written under the temporary name as well as a file; it takes the place of a folder at ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield path  # a pipe or a device such as /dev/stdout holds nothing that could be half
        return
    path = path.resolve()  # what a link points to is replaced, and not the link
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    former = temporary.with_name(f"{temporary.name}.former")
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            path.rename(former)  # a folder cannot be renamed over a full one
        temporary.replace(path)
    finally:
        for leftover in (temporary, former):
            _remove(leftover)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text through a temporary name."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
