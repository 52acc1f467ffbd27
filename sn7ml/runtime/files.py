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
    A folder may be written under the temporary name as well as a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text through a temporary name."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
