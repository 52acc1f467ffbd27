"""Tables of facts about a data set: what validation judges. Facts know no thresholds."""

from sn7ml.data.frame_facts import FRAME_FACTS, frame_facts
from sn7ml.data.label_facts import LABEL_FACTS, label_facts

__all__ = ["FRAME_FACTS", "LABEL_FACTS", "frame_facts", "label_facts"]
