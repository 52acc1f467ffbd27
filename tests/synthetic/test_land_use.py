"""Synthetic label images: their colours count what truth.csv says, and roofs lie where outlines do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sn7ml.core.geo.burn import burn_ids
from sn7ml.scenes.layouts.colour import scan
from sn7ml.scenes.legend import read_label_image, read_legend
from sn7ml.synthetic import make_colour
from sn7ml.synthetic.close_up import SURFACES, close_up


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("colour") / "data"
    make_colour(out, folders=3, size_px=512, seed=5)
    return out


def test_label_images_count_what_the_truth_says(town: Path) -> None:
    legend = read_legend(town / "classes.json")
    truth = pd.read_csv(town / "truth.csv").pivot_table(index="aoi", columns="class", values="pixels")
    sources = scan(town)
    assert len(sources) == 6
    for row in sources.to_dict("records"):
        found = read_label_image(town / row["labels"], legend)
        counts = np.bincount(found.classes.ravel(), minlength=256)
        assert dict(zip(legend.names, counts.tolist(), strict=False)) == {
            name: int(truth.loc[row["aoi"], name]) for name in legend.names
        }
        assert counts[255] == truth.loc[row["aoi"], "unknown"]
    assert set(truth["unknown"]) == {0, 1024}
    assert (truth[list(SURFACES)].sum() > 0).all()


def test_roofs_lie_where_the_outlines_of_the_same_town_do() -> None:
    drawn = close_up(5, 100, (512, 512))
    built = burn_ids(list(drawn.outlines), (512, 512)) > 0
    roofs = drawn.surfaces == SURFACES.index("building")
    assert (built & roofs).sum() / (built | roofs).sum() > 0.97


def test_the_same_seed_gives_the_same_bytes(town: Path, tmp_path: Path) -> None:
    make_colour(tmp_path / "again", folders=3, size_px=512, seed=5)
    for path in sorted(it for it in town.rglob("*") if it.is_file()):
        assert (tmp_path / "again" / path.relative_to(town)).read_bytes() == path.read_bytes(), path
