"""Data sets to be mended."""

import json
from pathlib import Path

import pytest

from tests.scenes.repair.label_rows import LEFT, REPAIRS, SOUND, named, write
from tests.sn7_folder import write_aoi


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """One area; its pixel labels say that they are in pixels, so nothing is wrong with it."""
    root = tmp_path / "source"
    write_aoi(root)
    for path in root.glob("train/*/labels_match*/*"):
        content = json.loads(path.read_text())
        crs = (
            named('LOCAL_CS["pixels"]')
            if path.parent.name == "labels_match_pix"
            else named("urn:ogc:def:crs:EPSG::3857")
        )
        path.write_text(json.dumps({"crs": crs} | content))
    return root


@pytest.fixture
def damaged(source: Path) -> Path:
    """All of it at once."""
    everything = [it for added, *_ in [*REPAIRS.values(), *LEFT.values()] for it in added]
    numbered = [
        it | {"properties": it["properties"] | {"Id": 100 + number}}
        if isinstance(it, dict) and isinstance(it["properties"].get("Id"), int) and it["properties"]["Id"] >= 0
        else it
        for number, it in enumerate(everything)
    ]
    write(source, *SOUND, *numbered, SOUND[0], crs=named("EPSG:4326"))
    return source
