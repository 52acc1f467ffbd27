"""Tiles from folders and servers: what comes is pixels or a reason, whatever the other side does."""

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from morecantile import Tile
from PIL import Image

from sn7ml.areas.source import TileFolder, TileServer
from sn7ml.core.errors import AreasError
from sn7ml.scenes.map_tiles import MOST_TILE_BYTES, decode

TILE = Tile(5, 9, 4)
SIDE = 256


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def red(mode: str = "RGB", side: int = SIDE) -> Image.Image:
    return Image.new("RGB", (side, side), (200, 0, 0)).convert(mode)


HALF_CLEAR = Image.new("RGBA", (SIDE, SIDE), (200, 0, 0, 255))
HALF_CLEAR.paste((0, 0, 0, 0), (0, 0, SIDE, SIDE // 2))


@pytest.mark.parametrize(
    "content",
    [
        encoded(red()),
        encoded(red("RGBA")),
        encoded(red().quantize()),
        encoded(red(), "JPEG", quality=100, subsampling=0),
        encoded(red(), "WEBP", lossless=True),
        encoded(red(), "TIFF"),
    ],
    ids=["RGB", "RGBA", "palette", "JPEG", "WebP", "TIFF"],
)
def test_every_encoding_gives_the_same_pixels(content: bytes) -> None:
    found = decode(content, SIDE)
    assert found.state == "ok"
    assert found.pixels is not None
    assert found.pixels.shape == (4, SIDE, SIDE)
    assert np.abs(found.pixels[:, 7, 3].astype(int) - (200, 0, 0, 255)).max() <= 2


def test_pixels_are_taken_as_they_are_stored_whatever_exif_says_of_their_orientation() -> None:
    image, orientation = red(), Image.Exif()
    image.paste((0, 0, 200), (0, 0, SIDE // 2, SIDE // 2))  # the north-west is blue
    orientation[0x0112] = 6  # to be shown a quarter turn clockwise
    pixels = decode(encoded(image, "JPEG", subsampling=0, exif=orientation), SIDE).pixels
    assert pixels is not None
    blue = pixels[2] > 100
    assert blue[: SIDE // 2, : SIDE // 2].all()
    assert blue.sum() == (SIDE // 2) ** 2


def test_what_is_transparent_is_unusable() -> None:
    pixels = decode(encoded(HALF_CLEAR), SIDE).pixels
    assert pixels is not None
    assert not pixels[3, : SIDE // 2].any()
    assert (pixels[3, SIDE // 2 :] == 255).all()


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (encoded(Image.new("RGB", (SIDE, SIDE))), "black"),
        (encoded(Image.new("RGBA", (SIDE, SIDE))), "black"),
        (encoded(red(side=512)), "wrong size"),
        (encoded(Image.new("I;16", (SIDE, SIDE), 999)), "not an image"),
        (encoded(red("CMYK"), "JPEG"), "not an image"),
        (encoded(red())[:300], "not an image"),
        (encoded(red("P"), "GIF"), "not an image"),
        (b"<html><body>Sorry</body></html>", "not an image"),
        (b"", "not an image"),
    ],
    ids=["black", "clear", "512", "16 bit", "inks", "cut off", "GIF", "HTML", "empty"],
)
def test_what_is_no_tile_has_a_reason(content: bytes, state: str) -> None:
    found = decode(content, SIDE)
    assert (found.state, found.pixels) == (state, None)


def test_tiles_lie_in_a_tree_or_where_a_template_says(tmp_path: Path) -> None:
    for place in (tmp_path / "4/5/9.jpg", tmp_path / "flat/OAM-5-9-4.png", tmp_path / "south/4/5/6.png"):
        place.parent.mkdir(parents=True, exist_ok=True)
        red().save(place)
    templates = [
        f"{tmp_path}",
        f"{tmp_path}/flat/OAM-{{x}}-{{y}}-{{z}}.png",
        f"{tmp_path}/south/{{z}}/{{x}}/{{-y}}.png",
    ]
    assert [TileFolder(template).fetch(TILE).state for template in templates] == ["ok"] * 3
    assert [TileFolder(template).fetch(Tile(5, 8, 4)).state for template in templates] == ["missing"] * 3


def test_a_folder_or_a_giant_called_like_a_tile_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "4/5/9.png").mkdir(parents=True)
    assert TileFolder(str(tmp_path)).fetch(TILE).state == "failed"
    giant = tmp_path / "4/5/8.png"
    with giant.open("wb") as file:
        file.truncate(MOST_TILE_BYTES + 1)
    assert TileFolder(str(tmp_path)).fetch(Tile(5, 8, 4)).state == "failed"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: TileFolder("/nowhere/at/all"), "areas.no-folder"),
        (lambda: TileFolder("tiles/{x}.png"), "areas.template"),
        (lambda: TileServer("https://tiles.example/{z}/{x}.png"), "areas.template"),
        (lambda: TileServer("https://{x}.example/{z}/{x}/{y}.png"), "areas.template"),
        (lambda: TileServer("file:///etc/{z}/{x}/{y}"), "areas.template"),
        (lambda: TileServer("https://tiles.example/{z}/{x}/../../{y}"), "areas.template-leaves"),
        (lambda: TileServer("https://tiles.example/{z}/{x}/%2e%2e/%2E./{y}"), "areas.template-leaves"),
    ],
    ids=["no folder", "no y", "URL without y", "host by tile", "another scheme", "upwards", "encoded upwards"],
)
def test_a_template_that_cannot_be_meant_is_refused(make: Callable[[], object], code: str) -> None:
    with pytest.raises(AreasError) as caught:
        make()
    assert caught.value.code == code


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Site:
    """A tile server on this machine that gives its answers in turn, the last one for ever."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    slept: list[float] = field(default_factory=list)

    def server(self, **options: object) -> TileServer:
        return TileServer(self.url, SIDE, sleep=self.slept.append, most_per_second=1e6, **options)  # type: ignore[arg-type]


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            status, headers, content = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        found.url = f"http://127.0.0.1:{http.server_port}/{{z}}/{{x}}/{{y}}.png?key=secret"
        yield found
        http.shutdown()


GOOD: Answer = (200, {}, encoded(red()))
HTML: Answer = (200, {}, b"<html>busy</html>")


def test_a_tile_is_asked_for_by_its_numbers(site: Site) -> None:
    site.answers = [GOOD]
    assert site.server().fetch(TILE).state == "ok"
    assert site.asked == ["/4/5/9.png?key=secret"]


def test_a_server_that_fails_now_and_then_is_asked_again_with_growing_pauses(site: Site) -> None:
    site.answers = [
        (500, {}, b""),
        (503, {"Retry-After": "7"}, b""),
        HTML,
        (200, {"Content-Length": "9999999"}, b"x"),
        GOOD,
    ]
    assert site.server().fetch(TILE).state == "ok"
    assert site.slept == [0.5, 7.0, 2.0, 4.0]


def test_tries_are_counted_for_each_tile_anew(site: Site) -> None:
    site.answers = [*[(500, {}, b"")] * 9, GOOD]
    server = site.server(tries=5)
    assert [server.fetch(tile).state for tile in (TILE, Tile(5, 8, 4))] == ["failed", "ok"]
    assert len(site.asked) == 10


@pytest.mark.parametrize(
    ("answer", "state", "times"),
    [
        ((404, {}, b"no"), "missing", 1),
        ((204, {}, b""), "missing", 1),
        ((302, {"Location": "http://169.254.169.254/latest"}, b""), "redirect", 1),
        ((500, {}, b""), "failed", 5),
        (HTML, "not an image", 5),
        ((200, {}, encoded(red(side=512))), "wrong size", 1),
        ((200, {}, b"\0" * (MOST_TILE_BYTES + 1)), "wrong size", 1),
    ],
    ids=["404", "204", "redirect", "500", "HTML", "512", "giant"],
)
def test_what_a_server_answers_in_place_of_a_tile_is_told(site: Site, answer: Answer, state: str, times: int) -> None:
    site.answers = [answer]
    assert site.server().fetch(TILE).state == state
    assert len(site.asked) == times


def test_a_server_that_refuses_stops_the_campaign_without_showing_the_key(site: Site) -> None:
    site.answers = [(403, {}, b"")]
    with pytest.raises(AreasError) as caught:
        site.server().fetch(TILE)
    assert caught.value.code == "areas.refused"
    assert "secret" not in str(caught.value)


def test_a_tile_of_the_cache_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    site.answers = [GOOD, (500, {}, b"")]
    first, second = (site.server(cache=tmp_path).fetch(TILE) for _ in range(2))
    assert first.pixels is not None
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert len(site.asked) == 1


def test_a_damaged_tile_of_the_cache_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    site.answers = [GOOD]
    site.server(cache=tmp_path).fetch(TILE)
    (kept,) = tmp_path.rglob("*.tile")
    kept.write_bytes(b"garbage")
    assert site.server(cache=tmp_path).fetch(TILE).state == "ok"
    assert len(site.asked) == 2


def test_a_server_is_not_asked_faster_than_allowed(site: Site) -> None:
    site.answers = [GOOD]
    server = TileServer(site.url, SIDE, most_per_second=2.0, sleep=site.slept.append)
    for _ in range(3):
        server.fetch(TILE)
    assert len(site.slept) == 2
    assert sum(site.slept) == pytest.approx(0.5 + 1.0, abs=0.4)  # nobody slept, so the third waits for both
