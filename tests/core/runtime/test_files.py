"""Nothing half-written ever has the final name."""

import os
from pathlib import Path

import pytest

from sn7ml.core.runtime.files import replacing, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(path: Path, error: BaseException) -> None:
    with replacing(path) as temporary:
        temporary.write_text("ne")
        raise error


def fill_half(path: Path, error: BaseException) -> None:
    with replacing(path) as temporary:
        (temporary / "train").mkdir(parents=True)
        raise error


def test_the_file_appears_only_when_the_body_is_done(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "table.parquet"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".parquet"
        assert temporary.name.startswith(".")
    assert path.read_text() == "new"
    assert names(path.parent) == ["table.parquet"]


def test_a_body_that_raises_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half way"):
        write_half(path, RuntimeError("half way"))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_body_that_raises_leaves_no_file_where_there_was_none(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "a.txt", KeyboardInterrupt())
    assert names(tmp_path) == []


def test_a_folder_takes_the_place_of_a_full_one(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "old").write_text("old")
    with replacing(path) as temporary:
        (temporary / "train").mkdir(parents=True)
    assert names(path) == ["train"]
    assert names(tmp_path) == ["data"]


def test_a_folder_left_half_done_vanishes_with_all_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(OSError, match="disk full"):
        fill_half(path, OSError("disk full"))
    assert names(path) == ["old"]
    assert names(tmp_path) == ["data"]


def test_processes_that_write_the_same_file_have_names_of_their_own(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("")
        assert str(os.getpid()) in temporary.name


def test_text_is_utf8_whatever_the_machine_speaks(tmp_path: Path) -> None:
    write_text(tmp_path / "a.md", "4 px² · naïve\n")
    assert (tmp_path / "a.md").read_bytes() == "4 px² · naïve\n".encode()


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "there" / "target.txt", tmp_path / "link.txt"
    target.parent.mkdir()
    target.write_text("before")
    link.symlink_to(target)
    write_text(link, "after")
    assert link.is_symlink()
    assert target.read_text() == "after"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert pipe.is_fifo()
