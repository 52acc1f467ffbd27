"""What has a file's name and is none, or none of the right kind, for every reader: an error with its name, at once."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sn7ml.core.errors import ParamsError
from tests.hostile.readers import READERS, Reader

pytestmark = pytest.mark.usefixtures("serial")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def giant(path: Path) -> None:
    """Ten GiB that take no room on the disk."""
    path.touch()
    os.truncate(path, 10 * 2**30)


def empty(path: Path) -> None:
    path.touch()


def zeros(path: Path) -> None:
    path.write_bytes(b"\0" * 4096)


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(5).bytes(4096))


def two_byte_text(path: Path) -> None:
    path.write_text("filename,id,geometry\n", encoding="utf-16")


def picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 100)


def list_in_a_list(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


def map_in_a_map(path: Path) -> None:
    path.write_bytes(b'{"a":' * 40_000)


SPOILS = [
    pipe, folder, endless, link_to_nowhere, link_to_itself, giant, empty, zeros, noise, two_byte_text, picture,
    list_in_a_list, map_in_a_map,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_it_is_named(reader: Reader, spoil: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / reader.file
    reader.write(path)
    path.unlink()
    spoil(path)
    if reader is READERS["usage"] and spoil is link_to_nowhere:
        assert reader.read(path) is None  # as of any package that does not say how it is used
        return
    with pytest.raises((reader.error, ParamsError)) as caught:
        reader.read(path)
    assert str(tmp_path) in str(caught.value)
    assert reader.file in str(caught.value) or reader.error.__name__ == "ModelError"


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_the_good_file_is_read_also_through_a_link_and_after_a_byte_order_mark(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / reader.file
    reader.write(path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert reader.read(path) is not None
    if not reader.file.endswith((".tif", ".parquet")):
        (tmp_path / "elsewhere").write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert reader.read(path) is not None
