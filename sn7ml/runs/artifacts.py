"""What a run keeps beside numbers: tables, pictures, curves and the output's params that it was scored with."""

import json
import re
import tempfile
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

OVERLAY = re.compile(r"images/overlay_(?P<aoi>.+)\+step\+(?P<step>\d+)\+timestamp\+\d+\+[0-9a-f-]+\.png")
"""How MLflow names a picture of its image grid, here one of a window of an AOI."""


class RunFiles:
    """Reads the artifacts of one run, each when it is asked for. Raises StoreError for a listed file it cannot read."""

    def __init__(self, store: Store, record: RunRecord) -> None:
        self._store = store
        self._record = record
        self._names = {file.path for file in store.client.list_artifacts(record.run_id)}

    def table(self, name: str) -> pd.DataFrame:
        """Return the table ``name`` of the run's split (``losses`` reads losses_test.json); empty if there is none."""
        path = f"{name}_{self._record.split}.json"
        if path not in self._names:
            return pd.DataFrame()
        content = json.loads(self._bytes(path))
        # Older runs called the column of times "month".
        return pd.DataFrame(content["data"], columns=content["columns"]).rename(columns={"month": "time"})

    def overlays(self) -> dict[tuple[str, int], bytes]:
        """Return (AOI, step) to its picture as PNG, sorted; step is the month's place among those of the AOI."""
        if "images" not in self._names:
            return {}
        files = self._store.client.list_artifacts(self._record.run_id, "images")
        found = [match for file in files if (match := OVERLAY.fullmatch(file.path))]
        paths = {(match["aoi"], int(match["step"])): match.string for match in found}
        return {key: self._bytes(paths[key]) for key in sorted(paths)}

    def curves(self) -> pd.DataFrame:
        """Return a row per epoch with ``CURVES``, NaN where a run lacks one; of several networks, the first's."""
        client, metrics, columns = self._store.client, self._record.metrics, {}
        for name in CURVES:
            # Older runs compared epochs by val_iou.
            logged = "val_iou" if name == "val_score" and name not in metrics else name
            if logged not in metrics:
                continue
            points = client.get_metric_history(self._record.run_id, logged)
            # A score of the same name may stand at the last epoch too; the curve's own point was written before it.
            columns[name] = {point.step: point.value for point in sorted(points, key=lambda point: -point.timestamp)}
        table = pd.DataFrame(columns, columns=list(CURVES), dtype="float64")
        return table.rename_axis("epoch").sort_index().reset_index()

    def output_params(self) -> dict[str, Any]:
        """Return the output's params that were scored under dotted keys (``output.tracks.method``); {} if not kept."""
        if "output" in self._names:
            content = yaml.safe_load(self._bytes("output/best.yaml"))
        elif "tracker" in self._names:  # when tracks were the only output
            content = {"output": {"tracks": yaml.safe_load(self._bytes("tracker/best.yaml"))}}
        else:
            return {}
        (values,) = pd.json_normalize(content).to_dict("records")
        return {str(key): value for key, value in values.items()}

    def _bytes(self, path: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="sn7ml-run-") as folder:
            try:
                return Path(self._store.client.download_artifacts(self._record.run_id, path, folder)).read_bytes()
            except (MlflowException, OSError) as error:
                raise StoreError(
                    "runs.artifact-unreadable", f"cannot read {path} of run {self._record.short_id}: {error}"
                ) from None
