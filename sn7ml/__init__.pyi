"""What ``import sn7ml`` offers; see __init__.py."""

from sn7ml.core.errors import Sn7Error as Sn7Error
from sn7ml.flow.data import cut_tiles as cut_tiles
from sn7ml.flow.data import ingest as ingest
from sn7ml.flow.data import open_data as open_data
from sn7ml.flow.data import open_tiles as open_tiles
from sn7ml.flow.evaluate_model import evaluate as evaluate
from sn7ml.flow.predict_folder import open_images as open_images
from sn7ml.flow.predict_folder import predict_folder as predict_folder
from sn7ml.flow.train import plan_of as plan_of
from sn7ml.flow.train import train as train
from sn7ml.metrics.scot import score_scot as score_scot
from sn7ml.params import load_params as load_params
from sn7ml.registry.requested import load_model as load_model
from sn7ml.tasks import task_of as task_of

__version__: str
