"""The picture of a campaign: what it shows lies where it was drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import box

from benchmarks.draw_areas import main, read, three_ways
from tests.areas.town import SIDE, ZOOM, Bright, Town, run, use, write_boundary, write_model

BUILDINGS = (10, 20, 12, 16), (30, 70, 20, 40)
TOWN = Town(2, 2, BUILDINGS)


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use(monkeypatch, Bright())
    boundary, model = write_boundary(tmp_path / "town.geojson", *TOWN.tiles), write_model(tmp_path / "model")
    tiles = TOWN.write(tmp_path / "tiles")
    given = "--zoom", ZOOM, "--tiles", tiles, "--model", model, "--out", tmp_path / "out", "--tile-px", SIDE
    run("areas", boundary, *given, "--margin", 24)
    return tmp_path


def test_outlines_and_numbers_lie_on_what_they_tell_of(campaign: Path) -> None:
    drawn = read(campaign / "out", str(campaign / "tiles"), SIDE)
    assert (drawn.pixels == TOWN.pixels()).all()
    for row, col, height, width in BUILDINGS:
        true = box(col, row, col + width, row + height)
        (found,) = [shape for shape in drawn.outlines if shape.intersects(true)]
        assert found.symmetric_difference(true).area < 0.01 * true.area
    shares, counts, _ = three_ways(drawn).axes
    places = [(SIDE / 2 + SIDE * col, SIDE / 2 + SIDE * row) for row in range(2) for col in range(2)]
    built = [12 * 16, 20 * 40, 0, 0]
    percents = [f"{part / SIDE**2:.0%}" for part in built]
    assert [(it.get_position(), it.get_text()) for it in shares.texts] == list(zip(places, percents, strict=True))
    assert [it.get_text() for it in counts.texts] == ["1", "1", "0", "0"]


def test_the_command_writes_a_picture(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = campaign / "picture.png"
    words = ["", campaign / "out", campaign / "tiles", picture, "--tile-px", SIDE]
    monkeypatch.setattr("sys.argv", [*map(str, words)])
    main()
    assert len(np.unique(np.asarray(Image.open(picture)).reshape(-1, 4), axis=0)) > 100
