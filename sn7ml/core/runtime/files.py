"""Write files atomically; read what other stages wrote."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sn7ml.core.errors import TableError
from sn7ml.core.safe_files import read_json


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name in the folder of ``path``; on success it becomes ``path``, on failure it vanishes.

    It keeps the suffix, since many writers choose the format by it. Parent folders are made. A folder may be written
    under it as well as a file; it takes the place of a folder at ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield path  # a pipe or a device such as /dev/stdout holds nothing that could be half
        return
    path = Path(os.path.realpath(path))  # what a link points to is replaced, not the link, unless it points to itself
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    former = temporary.with_name(f"{temporary.name}.former")
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            path.rename(former)  # a folder cannot be renamed over a full one
        temporary.replace(path)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)  # a full disk is met while writing, where Python knows no name
        raise
    finally:
        for leftover in (temporary, former):
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Make ``target`` a hard link of a file, or a copy if links are impossible."""
    try:
        target.hardlink_to(source.resolve())  # a link to a link would be a link
    except OSError:
        shutil.copyfile(source, target)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text through a temporary name."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_output(path: Path) -> Any:
    """Read JSON that an earlier stage wrote. Raises TableError if it is absent or damaged."""
    try:
        return read_json(path)
    except OSError as error:
        raise TableError("json.cannot-read", f"{path}: cannot be read ({error.strerror}); run `dvc repro`") from None
    except ValueError as error:
        raise TableError("json.not-json", f"{path}: is not JSON ({error}); remove it and run `dvc repro`") from None
