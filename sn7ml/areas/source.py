"""Map tiles from a folder or a server: bytes in, pixels out, with bounds on what either may ask for."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx
from morecantile import Tile

from sn7ml.core.errors import AreasError
from sn7ml.core.runtime.files import replacing
from sn7ml.core.safe_files import open_regular
from sn7ml.scenes.map_tiles import ENDINGS, MOST_TILE_BYTES, MapTile, TileState, decode

PLACEHOLDER = re.compile(r"\{(x|y|z|-y)\}")
NUMBERS = ({"x", "y", "z"}, {"x", "-y", "z"})
ASKED_AT_ONCE = 8
"""Tiles that one process fetches side by side."""

GONE = (204, 404, 410)
"""Answers of a server that has no such tile."""

WORTH_ANOTHER_TRY = (408, 425, 429, 500, 502, 503, 504)


class TileSource(Protocol):
    """Where tiles come from. Safe to be asked for a tile again, and by several threads."""

    def fetch(self, tile: Tile) -> MapTile:
        """Return a tile, or why there is none."""
        ...


@dataclass(frozen=True)
class TileFolder:
    """Tiles as files: ``template`` such as ``tiles/{z}/{x}/{y}.png``, or a folder of such a tree with any ending."""

    template: str
    size_px: int = 256

    def __post_init__(self) -> None:
        if "{" in self.template:
            _check_template(self.template)
        elif not Path(self.template).is_dir():
            raise AreasError("areas.no-folder", f"{self.template}: no such folder of tiles, and no template with {{x}}")

    def fetch(self, tile: Tile) -> MapTile:
        """Read one file."""
        path = next((path for path in self._places(tile) if path.exists()), None)
        if path is None:
            return MapTile("missing")
        try:
            with open_regular(path, MOST_TILE_BYTES) as file:
                return decode(file.read(), self.size_px)
        except OSError:  # a folder or a pipe of that name, a giant, no right to read it
            return MapTile("failed")

    def _places(self, tile: Tile) -> Sequence[Path]:
        if PLACEHOLDER.search(self.template):
            return [Path(filled(self.template, tile))]
        tree = Path(self.template) / f"{tile.z}" / f"{tile.x}"
        return [tree / f"{tile.y}.{ending}" for ending in ENDINGS]


@dataclass
class TileServer:
    """Tiles from a URL template such as ``https://tiles.example/{z}/{x}/{y}.png``, kept in a cache.

    Redirects are not followed: a template that names a page of its own would be followed to anywhere.
    """

    template: str
    size_px: int = 256
    cache: Path | None = None
    """Folder of tiles that were fetched before; None keeps none."""

    tries: int = 5
    most_per_second: float = 20.0
    timeout_s: float = 20.0
    sleep: Callable[[float], object] = time.sleep
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    """Sent with each request, such as an API key; not shown anywhere."""

    def __post_init__(self) -> None:
        _check_template(self.template)
        parts = urlsplit(self.template)
        if parts.scheme not in ("http", "https") or not parts.hostname or PLACEHOLDER.search(parts.netloc):
            raise AreasError("areas.template", f"{shown(self.template)}: expected http:// or https:// and a fixed host")
        self._client = httpx.Client(timeout=self.timeout_s, follow_redirects=False, headers=self.headers)
        self._next, self._turns = 0.0, threading.Lock()

    def fetch(self, tile: Tile) -> MapTile:
        """Ask the cache, then the server, again with growing pauses where it answers as if that could help."""
        kept = self.cache / f"{tile.z}" / f"{tile.x}" / f"{tile.y}.tile" if self.cache else None
        if kept and kept.is_file():
            found = decode(kept.read_bytes(), self.size_px)
            if found.state != "not an image":
                return found
        found, content, pause_s = MapTile("failed"), None, 0.0
        for attempt in range(self.tries):
            if attempt:
                self.sleep(max(pause_s, min(0.5 * 2.0 ** (attempt - 1), 30.0)))
            state, content, pause_s = self._ask(filled(self.template, tile))
            found = MapTile(state) if content is None else decode(content, self.size_px)
            if found.state not in ("failed", "not an image"):  # cut off on its way, or a page of errors
                break
        if kept and content is not None and found.state in ("ok", "black"):
            with replacing(kept) as temporary:
                temporary.write_bytes(content)
        return found

    def _ask(self, url: str) -> tuple[TileState, bytes | None, float]:
        """Return (state, content, seconds that the server wants to be left alone)."""
        self._wait_for_turn()
        try:
            with self._client.stream("GET", url) as answer:
                if answer.status_code in GONE:
                    return "missing", None, 0.0
                if answer.is_redirect:
                    return "redirect", None, 0.0
                if answer.status_code in WORTH_ANOTHER_TRY:
                    return "failed", None, _retry_after_s(answer)
                if answer.status_code != 200:
                    raise AreasError(
                        "areas.refused",
                        f"{shown(url)}: answered by {answer.status_code} {answer.reason_phrase}; see the URL and key",
                    )
                content = b""
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > MOST_TILE_BYTES:
                        return "wrong size", None, 0.0
                return "ok", content, 0.0
        except httpx.HTTPError:
            return "failed", None, 0.0

    def _wait_for_turn(self) -> None:
        with self._turns:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1.0 / self.most_per_second
        if turn > now:
            self.sleep(turn - now)


@dataclass(frozen=True)
class SourceOptions:
    """Where tiles come from, as a value that can be handed to another process."""

    template: str
    """A folder ``Z/X/Y.png``, or a template of files or of URLs."""

    size_px: int = 256
    cache: Path | None = None
    tries: int = 5
    most_per_second: float = 20.0

    def open(self, sleep: Callable[[float], object] = time.sleep) -> TileSource:
        """Open the folder or the server. ``sleep`` waits between tries. Raises AreasError."""
        if "://" not in self.template:
            return TileFolder(self.template, self.size_px)
        return TileServer(self.template, self.size_px, self.cache, self.tries, self.most_per_second, sleep=sleep)


def _check_template(template: str) -> None:
    """Raise AreasError if a template lacks a number of the tile, has an unknown one, or leads out of its folder."""
    names = re.findall(r"\{(.*?)\}", template)
    if set(names) not in NUMBERS:
        raise AreasError(
            "areas.template",
            f"{shown(template)}: expected {{x}}, {{y}} (or {{-y}}) and {{z}}, nothing else, got {sorted({*names})}",
        )
    if ".." in unquote(template[template.index("{") :]):  # servers take %2e for a dot
        raise AreasError(
            "areas.template-leaves", f"{shown(template)}: leads out of its folder by '..'; write it without"
        )


def filled(template: str, tile: Tile) -> str:
    """Return a template with the numbers of a tile; ``{-y}`` counts from the south (TMS).

    >>> filled("{z}/{x}/{y}.png", Tile(3, 1, 2)), filled("{z}/{x}/{-y}.png", Tile(3, 1, 2))
    ('2/3/1.png', '2/3/2.png')
    """
    numbers = {"x": tile.x, "y": tile.y, "z": tile.z, "-y": 2**tile.z - 1 - tile.y}
    return PLACEHOLDER.sub(lambda match: str(numbers[match[1]]), template)


def _retry_after_s(answer: httpx.Response) -> float:
    try:
        return min(float(answer.headers.get("retry-after", 0.0)), 60.0)
    except ValueError:  # a date
        return 5.0


def shown(url: str) -> str:
    """Return a URL without what may be a secret, user, password and query; a path as it is."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}" if "://" in url else url
