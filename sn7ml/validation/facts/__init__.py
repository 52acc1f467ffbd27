"""Tables of facts about a data set: what validation judges. Facts know no thresholds."""

from sn7ml.validation.facts.footprints import COUNT_FACTS, FOOTPRINT_FACTS, TRACK_FACTS, found_facts
from sn7ml.validation.facts.frames import FRAME_FACTS, frame_facts
from sn7ml.validation.facts.identities import IDENTITY_FACTS
from sn7ml.validation.facts.labels import LABEL_FACTS, label_and_identity_facts, label_facts
from sn7ml.validation.facts.tiles import REGION_FACTS, TILE_FACTS, region_facts, tile_facts

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
