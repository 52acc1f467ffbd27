"""A tile server that fails: now and then for any tile, and always for some."""

import random
import threading
from collections.abc import Collection, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from morecantile import Tile

HTML = b"<html><body>no imagery here</body></html>"


class FaultyServer:
    """Serves tiles at ``url``. Can be stopped and started again at the same place."""

    def __init__(self) -> None:
        self.tiles: Mapping[Tile, bytes] = {}
        self.fault_share = 0.0
        """Of answers that are a 500, a 503, a page of HTML or cut off, though the tile is there."""

        self.steady: Collection[Tile] = ()
        """Answered as they are, always."""

        self.status = 0
        """Answer to all, if not 0."""

        self.asked = 0
        self._random, self._port = random.Random(7), 0
        self._http: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/{{z}}/{{x}}/{{y}}.png?key=secret"

    def start(self) -> None:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, length, content = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                if 300 <= status < 400:
                    self.send_header("Location", "http://169.254.169.254/latest")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._http.server_port
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        assert self._http is not None
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, path: str) -> tuple[int, int, bytes]:
        """Return status, stated length and content."""
        self.asked += 1
        z, x, y = path.partition(".")[0].strip("/").split("/")
        tile = Tile(int(x), int(y), int(z))
        content = self.tiles.get(tile)
        if self.status:
            return self.status, len(HTML), HTML
        if content is None:
            return 404, 0, b""
        if self._random.random() < self.fault_share and tile not in self.steady:
            faults = [(500, 0, b""), (503, 0, b""), (200, len(HTML), HTML), (200, len(content), content[:200])]
            return self._random.choice(faults)
        return 200, len(content), content
