"""Files of classes in three forms, and label images that are read by them."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sn7ml.core.errors import CatalogError, LabelError
from sn7ml.scenes.layouts.colour import colour
from sn7ml.scenes.legend import UNKNOWN, Rgb, read_label_image, read_legend, refuse_misfit, suggested
from tests.raising import raises
from tests.real import real

SAND, SEA, ROOF = (200, 180, 100), (20, 60, 200), (200, 40, 40)
SKYNET = [
    {"name": "sand", "color": "#C8B464", "stroke-width": "1"},
    {"name": "sea", "color": "#143cc8", "filter": "[natural] = 'water'", "stroke-width": "5", "sourceLayer": "osm"},
]
SUPERVISELY = {
    "classes": [{"title": "sand", "color": "#c8b464", "shape": "polygon"}, {"title": "sea", "color": "143CC8"}]
}
CSV = "name, r, g, b\nsand, 200, 180, 100\nsea, 20, 60, 200\n"


def legend_in(folder: Path, content: object, name: str = "classes.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("content", "name"),
    [(SKYNET, "classes.json"), (SUPERVISELY, "classes.json"), (CSV, "class_dict.csv")],
    ids=["skynet-data", "Supervisely", "csv"],
)
def test_three_forms_say_the_same_whatever_the_case_of_their_digits(tmp_path: Path, content: object, name: str) -> None:
    legend = read_legend(legend_in(tmp_path, content, name))
    assert {one.name: one.colours for one in legend.classes} == {"sand": (SAND,), "sea": (SEA,)}


def test_filters_and_widths_of_lines_are_kept(tmp_path: Path) -> None:
    sand, sea = read_legend(legend_in(tmp_path, SKYNET)).classes
    assert (sand.tag_filter, sand.stroke_px) == ("", 1.0)
    assert (sea.tag_filter, sea.stroke_px) == ("[natural] = 'water'", 5.0)


def test_a_class_may_have_several_colours(tmp_path: Path) -> None:
    both = [{"name": "land", "color": "#C8B464"}, {"name": "land", "color": "#C82828"}]
    (land,) = read_legend(legend_in(tmp_path, both)).classes
    assert land.colours == (SAND, ROOF)


@pytest.mark.parametrize(
    ("content", "code", "named"),
    [
        ([{"name": "sand", "color": "#C8B464"}, {"name": "sea", "color": "#c8b464"}], "legend.classes", ("sea",)),
        ([{"name": "sand", "color": "sandy"}, {"name": "", "color": "#FFFFFF"}], "legend.classes", ("sandy", 2)),
        ([], "legend.classes", (0,)),
        ({"colours": []}, "legend.unreadable", ()),
        ("{", "legend.unreadable", ()),
        ([{"name": "road", "color": "#FFFFFF", "stroke-width": "wide"}], "legend.unreadable", ("wide",)),
        ([{"name": "road", "color": "#FFFFFF", "filter": 5}], "legend.unreadable", (5,)),
    ],
)  # fmt: skip
def test_a_file_of_classes_that_is_none_is_refused_with_its_faults(
    tmp_path: Path, content: object, code: str, named: tuple[object, ...]
) -> None:
    path = legend_in(tmp_path, content)
    with raises(CatalogError, code, path, *named):
        read_legend(path)


def test_a_csv_colour_beyond_a_byte_is_refused(tmp_path: Path) -> None:
    path = legend_in(tmp_path, "name,r,g,b\nsand,200,180,256\n", "class_dict.csv")
    with raises(CatalogError, "legend.classes", path, "sand", 256):
        read_legend(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_colour_beside_a_class_is_unknown_and_never_the_nearest(tmp_path: Path, mode: str) -> None:
    pixels = np.array([[SAND, SEA, (201, 180, 100)]], np.uint8)
    image = Image.fromarray(pixels)
    (image.quantize() if mode == "P" else image.convert(mode)).save(tmp_path / "mask.png")
    found = read_label_image(tmp_path / "mask.png", read_legend(legend_in(tmp_path, SKYNET)))
    assert found.classes.tolist() == [[0, 1, UNKNOWN]]
    assert found.colours == {SAND: 1, SEA: 1, (201, 180, 100): 1}
    assert found.foreign == {(201, 180, 100): 1}


def test_what_is_transparent_is_unknown(tmp_path: Path) -> None:
    Image.fromarray(np.array([[(*SAND, 255), (*SAND, 0)]], np.uint8)).save(tmp_path / "mask.png")
    found = read_label_image(tmp_path / "mask.png", read_legend(legend_in(tmp_path, SKYNET)))
    assert found.classes.tolist() == [[0, UNKNOWN]]
    assert found.colours == {SAND: 1}


def test_label_images_of_16_bits_and_files_that_are_none_are_refused(tmp_path: Path) -> None:
    legend = read_legend(legend_in(tmp_path, SKYNET))
    Image.fromarray(np.array([[1, 2]], np.uint16)).save(tmp_path / "deep.png")
    with raises(LabelError, "labels.image-kind", tmp_path / "deep.png", "I;16"):
        read_label_image(tmp_path / "deep.png", legend)
    (tmp_path / "none.png").write_text("no image")
    with raises(LabelError, "labels.image", tmp_path / "none.png"):
        read_label_image(tmp_path / "none.png", legend)


@pytest.mark.parametrize(
    ("strange", "fits"),
    [
        ({ROOF: 20}, True),  # of 1,000
        ({ROOF: 21}, False),
        ({(n, n, n): 20 for n in range(12)}, True),  # a rim: many colours, 240 px
        ({(n, n, n): 20 for n in range(13)}, False),
    ],
)
def test_a_class_that_was_forgotten_is_told_from_a_rim(tmp_path: Path, strange: dict[Rgb, int], fits: bool) -> None:
    path = legend_in(tmp_path, SKYNET)
    colours = Counter({SAND: 1_000 - sum(strange.values()), **strange})
    if fits:
        refuse_misfit(path, read_legend(path), colours)
    else:
        with raises(CatalogError, "legend.misfit", path, "#C8B464", "sand", "sea"):
            refuse_misfit(path, read_legend(path), colours)


def test_a_suggested_file_of_classes_can_be_read(tmp_path: Path) -> None:
    path = legend_in(tmp_path, suggested({SAND: 900, SEA: 99, ROOF: 1}, least=0.05))
    assert {one.colours for one in read_legend(path).classes} == {(SAND,), (SEA,)}


SHARES = {"#8429F6": 52.4, "#E2A929": 13.6, "#3C1098": 13.3, "#FEDD3A": 10.3, "#6EC1E4": 9.35}


@pytest.mark.slow
def test_dubais_own_legend_is_refused_and_the_right_one_counts_its_pixels(tmp_path: Path) -> None:
    """The figures are those of the data's own description."""
    dubai = real("land_use") / "dubai"
    layout = colour("classes.json")
    maps = layout.class_maps
    assert maps is not None
    sources = layout.sources(dubai)
    assert len(sources) == 72
    right = legend_in(tmp_path, [{"name": name, "color": name} for name in SHARES])
    legend = read_legend(right)
    pixels: Counter[int] = Counter()
    colours: Counter[Rgb] = Counter()
    for row in sources.to_dict("records"):
        found = read_label_image(dubai / row["labels"], legend)
        pixels.update(dict(enumerate(np.bincount(found.classes.ravel(), minlength=256).tolist())))
        colours.update(found.colours)
    total = pixels.total()
    assert total == colours.total() == 99_032_243
    for place, (name, share) in enumerate(SHARES.items()):
        assert 100 * pixels[place] / total == pytest.approx(share, abs=0.05), name  # as rounded there
    refuse_misfit(right, legend, colours)
    with raises(CatalogError, "legend.misfit", dubai / "classes.json", *SHARES, "Water"):
        maps.refuse(dubai, colours)
