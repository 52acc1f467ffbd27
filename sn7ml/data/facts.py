"""Tables of facts about a data set: what validation judges. Facts know no thresholds."""

from sn7ml.data.footprint_facts import COUNT_FACTS, FOOTPRINT_FACTS, TRACK_FACTS, found_facts
from sn7ml.data.frame_facts import FRAME_FACTS, frame_facts
from sn7ml.data.identity_facts import IDENTITY_FACTS
from sn7ml.data.label_facts import LABEL_FACTS, label_and_identity_facts, label_facts
from sn7ml.data.tile_facts import REGION_FACTS, TILE_FACTS, region_facts, tile_facts

__all__ = [
    "COUNT_FACTS",
    "FOOTPRINT_FACTS",
    "FRAME_FACTS",
    "IDENTITY_FACTS",
    "LABEL_FACTS",
    "REGION_FACTS",
    "TILE_FACTS",
    "TRACK_FACTS",
    "found_facts",
    "frame_facts",
    "label_and_identity_facts",
    "label_facts",
    "region_facts",
    "tile_facts",
]
