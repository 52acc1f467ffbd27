"""What a run keeps beside numbers: tables, pictures, curves and the tracker that it was scored with."""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from mlflow.exceptions import MlflowException

from sn7ml.core.errors import StoreError
from sn7ml.runs.leaderboard import RunRecord
from sn7ml.runs.store import Store

CURVES = ("train_loss", "val_loss", "val_score", "lr")
"""Metrics of every training that have a value per epoch; the target's pixel scores (``val_iou``) have one too."""

OLD_SCORE = "val_iou"
"""The curve that epochs were compared by before it was called ``val_score``."""

PICTURE = re.compile(r"images/(?P<key>.+)\+step\+(?P<step>\d+)\+timestamp\+\d+\+[0-9a-f-]+\.png")
"""How MLflow names a picture of its image grid."""

OVERLAY = "overlay_"
"""How the key of a picture begins that shows a window of an AOI; the AOI follows."""

OUTPUT, TRACKER = "output/best.yaml", "tracker/best.yaml"
"""The output's params that a run was scored with; the second in runs of when tracks were the only output."""


class RunFiles:
    """Reads the artifacts of one run, each when it is asked for.

    Raises
    ------
    StoreError
        If a file is listed and cannot be read.
    """

    def __init__(self, store: Store, record: RunRecord) -> None:
        self._store = store
        self._record = record
        self._names = {file.path for file in store.client.list_artifacts(record.run_id)}

    def table(self, name: str) -> pd.DataFrame | None:
        """Return the table ``name`` of the run's split (``losses`` reads losses_test.json); None if there is none."""
        path = f"{name}_{self._record.split}.json"
        if path not in self._names:
            return None
        content = self._json(path)
        # Runs of before called the column of times "month".
        return pd.DataFrame(content["data"], columns=content["columns"]).rename(columns={"month": "time"})

    def overlays(self) -> dict[tuple[str, int], bytes]:
        """Return (AOI, step) to its picture as PNG, sorted; step is the month's place among those of the AOI."""
        if "images" not in self._names:
            return {}
        files = {}
        for file in self._store.client.list_artifacts(self._record.run_id, "images"):
            match = PICTURE.fullmatch(file.path)
            if match and match["key"].startswith(OVERLAY):
                files[match["key"].removeprefix(OVERLAY), int(match["step"])] = file.path
        return {key: self._bytes(files[key]) for key in sorted(files)}

    def curves(self) -> pd.DataFrame:
        """Return a row per epoch with ``CURVES``, NaN where a run has no such curve; of several networks, the first's."""
        client, metrics, columns = self._store.client, self._record.metrics, {}
        for name in CURVES:
            logged = OLD_SCORE if name == "val_score" and name not in metrics else name
            if logged not in metrics:
                continue
            points = client.get_metric_history(self._record.run_id, logged)
            # A score of the same name may stand at the last epoch too; the curve's own point was written before it.
            columns[name] = {point.step: point.value for point in sorted(points, key=lambda point: -point.timestamp)}
        table = pd.DataFrame(columns, columns=list(CURVES), dtype="float64")
        return table.rename_axis("epoch").sort_index().reset_index()

    def output_params(self) -> dict[str, Any]:
        """Return the output's params that were scored under dotted keys (``output.tracks.method``); empty if not kept."""
        if OUTPUT.partition("/")[0] in self._names:
            content = yaml.safe_load(self._bytes(OUTPUT))
        elif TRACKER.partition("/")[0] in self._names:
            content = {"output": {"tracks": yaml.safe_load(self._bytes(TRACKER))}}
        else:
            return {}
        (values,) = pd.json_normalize(content).to_dict("records")
        return {str(key): value for key, value in values.items()}

    def _json(self, path: str) -> Mapping[str, Any]:
        content: Mapping[str, Any] = json.loads(self._bytes(path))
        return content

    def _bytes(self, path: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="sn7ml-run-") as folder:
            try:
                return Path(self._store.client.download_artifacts(self._record.run_id, path, folder)).read_bytes()
            except (MlflowException, OSError) as error:
                raise StoreError(
                    "runs.artifact-unreadable", f"cannot read {path} of run {self._record.short_id}: {error}"
                ) from None
