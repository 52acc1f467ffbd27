"""Single scenes and map tiles: each damage and each trap of the real data is caught by its expectation."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from shapely.geometry import Polygon, box, mapping

from sn7ml.core.geo.grid import TILE_PX, WEB_MERCATOR, Grid, tile_transform
from sn7ml.params import DataParams, SplitParams, StretchParams, ValidationParams
from sn7ml.scenes.ingest import ingest
from sn7ml.scenes.layouts import Layout, layout_of
from sn7ml.validation.facts.stretch import stretch_facts
from sn7ml.validation.report import Report
from sn7ml.validation.run import judge_tables, raw_facts, run_validation
from sn7ml.validation.suites import image_suites, stretch_suites
from tests.real import real

pytestmark = pytest.mark.usefixtures("serial")

PARAMS = ValidationParams(sides_px=(32, 4096), max_area_px2=2_000.0)
SIDE = 64
DEGREES = 2.7e-6
CITY, PARIS = "AOI_2_Vegas_Train", "AOI_3_Paris_Test"
HOUSES = [box(5, 6, 15, 20), box(30, 30, 41, 44)]
X, Y, Z = 1_238_424, 1_046_544, 21
DEGREES_OF = Transformer.from_crs(WEB_MERCATOR, 4326, always_xy=True)


def ground(seed: int, brightness: float = 600.0) -> NDArray[np.float64]:
    """Three bands of noise round a mean; no two seeds are alike."""
    return np.random.default_rng(seed).normal(brightness, brightness / 4, (3, SIDE, SIDE)).clip(1, 2047)


def write_image(path: Path, pixels: NDArray[Any], transform: Affine, crs: str = "EPSG:4326", **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, rows, cols = pixels.shape
    options = {"driver": "GTiff", "dtype": pixels.dtype.name, "count": bands, "height": rows, "width": cols}
    with rasterio.open(path, "w", **options, crs=crs, transform=transform, **more) as file:
        file.write(pixels)


def collection(outlines: list[Polygon], crs: str = "") -> dict[str, Any]:
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(each)} for each in outlines]
    named = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    return {"type": "FeatureCollection", **named, "features": features}


@dataclass(frozen=True)
class Scenes:
    """A SpaceNet 2 folder: two scenes with houses, an empty one, and one of another city without labels."""

    root: Path

    def __post_init__(self) -> None:
        for number in (1, 2, 3):
            self.paint(number, ground(number).astype(np.uint16))
            self.label(number, [] if number == 3 else HOUSES if number == 1 else [HOUSES[0]])
        path = self.root / PARIS / "RGB-PanSharpen" / "RGB-PanSharpen_AOI_3_Paris_img4.tif"
        write_image(path, ground(4).astype(np.uint16), self.transform(4))

    def transform(self, number: int) -> Affine:
        return Affine(DEGREES, 0, -115.3 + 0.01 * number, 0, -DEGREES, 36.2)

    def image(self, number: int) -> Path:
        return self.root / CITY / "RGB-PanSharpen" / f"RGB-PanSharpen_AOI_2_Vegas_img{number}.tif"

    def labels(self, number: int) -> Path:
        return self.root / CITY / "geojson" / "buildings" / f"buildings_AOI_2_Vegas_img{number}.geojson"

    def paint(self, number: int, pixels: NDArray[Any], **more: Any) -> None:
        write_image(self.image(number), pixels, self.transform(number), **more)

    def label(self, number: int, outlines: list[Polygon], crs: str = "urn:ogc:def:crs:OGC:1.3:CRS84") -> None:
        self.labels(number).parent.mkdir(parents=True, exist_ok=True)
        grid = Grid(4326, self.transform(number), (SIDE, SIDE))
        self.labels(number).write_text(json.dumps(collection([grid.to_crs(each) for each in outlines], crs)))


@dataclass(frozen=True)
class Tiles:
    """A folder of 2 x 3 map tiles of one zoom, and houses over their borders."""

    root: Path

    def __post_init__(self) -> None:
        for row in range(2):
            for col in range(3):
                self.tile(col, row, np.moveaxis(ground(10 + row * 3 + col, 100), 0, 2).astype(np.uint8))
        self.label([box(50, 50, 80, 90), box(150, 20, 170, 40)])

    def path(self, col: int, row: int, zoom: int = Z) -> Path:
        return self.root / "hill" / f"OAM-{X + col}-{Y + row}-{zoom}.png"

    def tile(self, col: int, row: int, pixels: NDArray[np.uint8], zoom: int = Z) -> None:
        self.path(col, row, zoom).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(self.path(col, row, zoom))

    def label(self, outlines: list[Polygon], crs: str = "") -> None:
        to_mercator = tile_transform(X, Y, Z) @ Affine.scale(TILE_PX / SIDE)
        grid = Grid(WEB_MERCATOR, to_mercator, (2 * SIDE, 3 * SIDE))
        in_degrees = [box(*DEGREES_OF.transform_bounds(*grid.to_crs(each).bounds)) for each in outlines]
        (self.root / "hill" / "labels.geojson").write_text(json.dumps(collection(in_degrees, crs)))


SPACENET2, XYZ = layout_of(DataParams(layout="spacenet2")), layout_of(DataParams(layout="xyz", zoom=Z))
MAKE: Mapping[str, tuple[Callable[[Path], Any], Layout]] = {"scenes": (Scenes, SPACENET2), "tiles": (Tiles, XYZ)}


def failed(root: Path, layout: Layout) -> Report:
    return run_validation(root, layout.sources(root), layout, PARAMS)


def with_black(share_rows: int) -> NDArray[np.uint16]:
    pixels = ground(2).astype(np.uint16)
    pixels[:, :share_rows] = 0
    return pixels


def with_hole() -> NDArray[np.uint16]:
    pixels = ground(2).astype(np.uint16)
    pixels[:, 20:30, 20:30] = 0
    return pixels


def rolled(outline: Polygon) -> Polygon:
    """The same outline, begun at its third corner."""
    corners = outline.exterior.coords[:-1]
    return Polygon([*corners[2:], *corners[:2]])


BLACK = np.zeros((SIDE, SIDE, 3), np.uint8)

DAMAGES: Mapping[str, tuple[str, str, str, Callable[[Any], object]]] = {
    "a scene of bytes among 16 bits": ("scenes", "critical", "one type of pixel",
        lambda it: it.paint(2, (ground(2) / 8).astype(np.uint8))),
    "a type that nobody knows": ("scenes", "critical", "read to the end",
        lambda it: it.paint(2, ground(2).astype(np.float64))),
    "two bands": ("scenes", "critical", "read to the end", lambda it: it.paint(2, ground(2)[:2].astype(np.uint16))),
    "a truncated image": ("scenes", "critical", "read to the end",
        lambda it: it.image(2).write_bytes(it.image(2).read_bytes()[:9_000])),
    "a tiny image": ("scenes", "critical", "4096 rows", lambda it: it.paint(2, ground(2)[:, :20].astype(np.uint16))),
    "an empty frame": ("scenes", "warning", "is usable", lambda it: it.paint(2, with_black(SIDE))),
    "half a frame is black": ("scenes", "warning", "border without data", lambda it: it.paint(2, with_black(20))),
    "a hole within": ("scenes", "warning", "usable pixels are black", lambda it: it.paint(2, with_hole())),
    "fog": ("scenes", "warning", "brightness deviates",
        lambda it: it.paint(2, np.full((3, SIDE, SIDE), 700, np.uint16))),
    "the same pixels twice": ("scenes", "warning", "same pixels", lambda it: it.paint(2, ground(1).astype(np.uint16))),
    "another scale": ("scenes", "warning", "as large as those",
        lambda it: write_image(it.image(2), ground(2).astype(np.uint16), it.transform(2) @ Affine.scale(4))),
    "labels without an image": ("scenes", "critical", "has an image", lambda it: it.image(2).unlink()),
    "no labels": ("scenes", "warning", "images have labels", lambda it: it.labels(2).unlink()),
    "labels of another scene": ("scenes", "critical", "lie on none of its images",
        lambda it: it.labels(2).write_bytes(it.labels(1).read_bytes())),
    "labels in a CRS that is not theirs": ("scenes", "critical", "lie on none of its images",
        lambda it: it.label(2, HOUSES, "urn:ogc:def:crs:EPSG::32611")),
    "labels in a CRS that is none": ("scenes", "critical", "label files can be read",
        lambda it: it.label(2, HOUSES, "EPSG:999999")),
    "labels that are no JSON": ("scenes", "critical", "label files can be read",
        lambda it: it.labels(2).write_text("{")),
    "a building off the image": ("scenes", "warning", "wholly off its image",
        lambda it: it.label(2, [*HOUSES, box(80, 10, 90, 20)])),
    "an outline twice": ("scenes", "warning", "same outline",
        lambda it: it.label(2, [HOUSES[0], rolled(HOUSES[0])])),
    "an outline on another": ("scenes", "warning", "lie on one another",
        lambda it: it.label(2, [HOUSES[0], HOUSES[0].buffer(1)])),
    "an outline that crosses itself": ("scenes", "warning", "outlines are valid",
        lambda it: it.label(2, [Polygon([(5, 5), (20, 20), (20, 5), (5, 20)])])),
    "one outline round a quarter": ("scenes", "warning", "is larger than", lambda it: it.label(2, [box(1, 1, 60, 60)])),
    "buildings where nothing is seen": ("scenes", "warning", "on unusable ground",
        lambda it: it.paint(1, with_black(30))),
    "a tile of another size": ("tiles", "critical", "read to the end",
        lambda it: it.tile(1, 1, np.full((32, 32, 3), 9, np.uint8))),
    "a tile that is HTML": ("tiles", "critical", "read to the end",
        lambda it: it.path(1, 1).write_text("<html>404</html>")),
    "a missing tile": ("tiles", "warning", "has no holes", lambda it: it.path(1, 1).unlink()),
    "a black tile": ("tiles", "warning", "black or clear", lambda it: it.tile(2, 0, BLACK)),
    "another zoom of the same ground": ("tiles", "warning", "tiles of one zoom",
        lambda it: it.path(0, 0).rename(it.root / "hill" / f"OAM-{X // 2}-{Y // 2}-{Z - 1}.png")),
    "outlines of another place": ("tiles", "critical", "lie on none of its images",
        lambda it: it.label([box(9_000, 0, 9_020, 20)])),
    "outlines in a CRS that is not theirs": ("tiles", "critical", "lie on none of its images",
        lambda it: it.label([box(50, 50, 80, 90)], "EPSG:3857")),
    "one outline on no tile": ("tiles", "warning", "all outlines of a file lie on its images",
        lambda it: it.label([box(50, 50, 80, 90), box(900, 0, 920, 20)])),
}  # fmt: skip
"""Name to what is damaged, how bad it is, what the expectation says, and how."""

BESIDE: Mapping[str, tuple[str, ...]] = {
    "an empty frame": ("border without data", "on unusable ground"),
    "half a frame is black": ("on unusable ground",),
    "labels of another scene": ("all outlines of a file", "wholly off its image", "same outlines"),
    "labels in a CRS that is not theirs": ("all outlines of a file", "wholly off its image"),
    "a building off the image": ("all outlines of a file",),
    "an outline twice": ("lie on one another",),
    "a missing tile": ("border without data",),
    "a black tile": ("border without data", "on unusable ground"),
    "another zoom of the same ground": ("has no holes", "border without data", "on unusable ground"),
    "outlines of another place": ("all outlines of a file",),
    "outlines in a CRS that is not theirs": ("all outlines of a file",),
    "buildings where nothing is seen": ("border without data",),
}
"""What else cannot but fail."""

UNLABELLED = "images have labels"


@pytest.mark.parametrize("kind", MAKE)
def test_sound_data_meets_every_expectation(kind: str, tmp_path: Path) -> None:
    make, layout = MAKE[kind]
    report = failed(make(tmp_path / "data").root, layout)
    assert report.ok
    assert [it.name for it in report.failures()] == ([UNLABELLED] if kind == "scenes" else [])  # Paris has none


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """All damages, each done to a set of its own, judged at once: that takes longer than all the rest."""
    facts: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for name, (kind, _, _, damage) in DAMAGES.items():
        make, layout = MAKE[kind]
        made = make(tmp_path_factory.mktemp("damaged") / "data")
        damage(made)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SN7ML_EXECUTOR", "serial")
            for suite, table in raw_facts(made.root, layout.sources(made.root), layout).items():
                facts[suite].append(table.assign(aoi=table["aoi"] + f"|{name}"))
    tables = {suite: pd.concat(parts, ignore_index=True) for suite, parts in facts.items()}
    return judge_tables(tables, image_suites(PARAMS))


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_fails_the_expectation_meant_for_it_and_hardly_another(judged: Report, name: str) -> None:
    kind, severity, words, _ = DAMAGES[name]
    mine = {it.name: [each for each in it.offenders if each.aoi.endswith(f"|{name}")] for it in judged.failures()}
    found = {expectation: offenders for expectation, offenders in mine.items() if offenders}
    caught = [it for it in judged.failures() if words in it.name and it.name in found]
    assert [it.severity for it in caught] == [severity]
    place = "hill" if kind == "tiles" else "AOI_2_Vegas_img"
    assert any(offender.aoi.startswith(place) for offender in found[caught[0].name])
    expected = (words, *BESIDE.get(name, ()), UNLABELLED)
    assert [other for other in found if not any(part in other for part in expected)] == []


def test_nothing_is_learned_from_data_without_labels(tmp_path: Path) -> None:
    made = Tiles(tmp_path / "data")
    (made.root / "hill" / "labels.geojson").unlink()
    assert [(it.severity, it.name) for it in failed(made.root, XYZ).failures()] == [
        ("critical", "there are labels"),
        ("warning", UNLABELLED),
    ]


def test_an_empty_scene_is_evidence_and_no_fault(tmp_path: Path) -> None:
    report = failed(Scenes(tmp_path / "data").root, SPACENET2)
    assert not [it for result in report.failures() for it in result.offenders if "img3" in it.aoi]


def test_every_expectation_is_met_by_a_damage() -> None:
    names = [check.name for suite in image_suites(PARAMS).values() for check in suite]
    caught = [words for _, _, words, _ in DAMAGES.values()]
    # Nothing else than these types is read, and ids of CSVs alone can lack a shape, or lie about another kind.
    elsewhere = ("there are", "of type", "4096 cols", "buildings are polygons", "have a shape", "is one polygon",
                 "no two images have the same outlines")  # fmt: skip
    missed = [name for name in names if not any(words in name for words in caught)]
    assert [name for name in missed if not any(words in name for words in elsewhere)] == []


STRETCHED = (SplitParams(folds=1, validation_fraction=0.2, test_fraction=0.3, gap_px=4, neighbour_tiles=8, seed=7),
             StretchParams())  # fmt: skip


def stretched(root: Path, out: Path) -> Report:
    split, stretch = STRETCHED
    scenes = ingest(root, SPACENET2.sources(root), SPACENET2, split, out, stretch)
    return judge_tables({"stretch": stretch_facts(scenes)}, stretch_suites(PARAMS))


def test_what_one_stretch_for_all_makes_black_or_white_is_named(tmp_path: Path) -> None:
    """Scenes are three times and more as bright as others: one of them that nobody learned from is cut."""
    made = Scenes(tmp_path / "data")
    assert stretched(made.root, tmp_path / "sound").failures() == []
    path = made.root / PARIS / "RGB-PanSharpen" / "RGB-PanSharpen_AOI_3_Paris_img4.tif"
    for brightness, words in ((60.0, "cut to black"), (1_900.0, "cut to white")):
        write_image(path, ground(4, brightness).astype(np.uint16), made.transform(4))
        report = stretched(made.root, tmp_path / words)
        caught = [it for it in report.failures() if words in it.name]
        assert [it.aoi for result in caught for it in result.offenders] == ["AOI_3_Paris_img4"]
        assert report.ok


@pytest.mark.parametrize(
    ("name", "zoom", "warned"),
    [
        ("spacenet2", None, {"images have labels": ["AOI_3_Paris_img197"]}),
        ("xyz", 20, {"a folder holds tiles of one zoom": []}),
    ],
)
def test_the_real_data_pass_with_their_traps_named(name: str, zoom: int | None, warned: dict[str, list[str]]) -> None:
    root = real(name)
    layout = layout_of(DataParams(layout="spacenet2") if zoom is None else DataParams(layout="xyz", zoom=zoom))
    report = run_validation(
        root, layout.sources(root), layout, ValidationParams(sides_px=(256, 4096), max_area_px2=2e6)
    )
    assert report.ok, report.summary()
    found = {it.name: [offender.aoi for offender in it.offenders] for it in report.failures()}
    for expectation, aois in warned.items():
        assert expectation in found
        assert not aois or found[expectation] == aois
