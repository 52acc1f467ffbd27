"""Tables of facts about a data set: what validation judges. Facts know no thresholds."""

from collections.abc import Mapping

from sn7ml.core.schemas import Table
from sn7ml.validation.facts.class_counts import CLASS_COUNT_FACTS
from sn7ml.validation.facts.class_labels import CLASS_FACTS
from sn7ml.validation.facts.footprints import COUNT_FACTS, FOOTPRINT_FACTS, TRACK_FACTS
from sn7ml.validation.facts.frames import FRAME_FACTS
from sn7ml.validation.facts.identities import IDENTITY_FACTS
from sn7ml.validation.facts.image_labels import OUTLINE_FACTS
from sn7ml.validation.facts.images import IMAGE_FACTS
from sn7ml.validation.facts.labels import LABEL_FACTS
from sn7ml.validation.facts.stretch import STRETCH_FACTS
from sn7ml.validation.facts.tiles import REGION_FACTS, TILE_FACTS

TABLES: Mapping[str, Table] = {
    "frames": FRAME_FACTS, "labels": LABEL_FACTS, "identity": IDENTITY_FACTS,
    "images": IMAGE_FACTS, "outlines": OUTLINE_FACTS, "classes": CLASS_FACTS, "class_counts": CLASS_COUNT_FACTS,
    "tiles": TILE_FACTS, "regions": REGION_FACTS, "stretch": STRETCH_FACTS,
    "tracks": TRACK_FACTS, "footprints": FOOTPRINT_FACTS, "counts": COUNT_FACTS,
}  # fmt: skip
"""Suite → the table that it judges."""
