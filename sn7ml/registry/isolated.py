"""Predict and track with one package, in a process of its own: how a registered model is run by the code it came with.

``python -m sn7ml.registry.isolated REQUEST.json`` runs with ``PYTHONPATH`` at the snapshot of sn7ml that lies beside a
registered model. Today's process asks, the old code answers, and today's process scores the answer: a contract between
versions of sn7ml that every later version keeps. A REQUEST of schema 1 holds

=============  ====================================================================================================
``schema``     1
``package``    folder of the model package
``data``       folder that the images lie in
``frames``     a row of ``SOURCES`` for every image; without it, ``data`` is searched as a SpaceNet 7 folder, which
               versions of before do in any case: they were registered when there was no other kind
``stretches``  AOI to [start, stop, fold]: columns to predict and the network to ask; fold 0 is the mean of all
``usage``      task and sections predict and output, for a package that does not say how it is used
``out``        folder to write to: probabilities/<AOI>/<month>.tif, footprints/<AOI>.parquet and, last, answer.json
=============  ====================================================================================================

and answer.json holds ``schema`` and ``code``, the folder of the sn7ml that ran. Images are red, green, blue and alpha
in bytes, as ingest converts them. Whoever asks may use the footprints' columns aoi, time (once called month), id,
geometry and, of single images, confidence; and the rasters' channels (255 is certain; of distances, scale and offset
give metres), their last band (usable) and their size. An error is one sentence on stderr, with exit code 1. MLflow is
not loaded.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sn7ml
from sn7ml.core.errors import ParamsError, Sn7Error

SCHEMA = 1


def answer(request: Mapping[str, Any]) -> None:
    """Do what a request asks for. Raises ParamsError if it is of another schema."""
    if request.get("schema") != SCHEMA:
        raise ParamsError(
            "registry.request-schema",
            f"schema must be {SCHEMA}, got {request.get('schema')!r}: this sn7ml cannot answer",
        )
    # Here, and not above: who asks needs no torch.
    import pandas as pd  # noqa: PLC0415

    from sn7ml.core.runtime.files import write_text  # noqa: PLC0415
    from sn7ml.core.schemas import SOURCES  # noqa: PLC0415
    from sn7ml.flow.evaluate import extract_aois  # noqa: PLC0415
    from sn7ml.learn.predict import load_predictor, predict_frames  # noqa: PLC0415
    from sn7ml.package_files import read_usage  # noqa: PLC0415
    from sn7ml.params import Usage, parse  # noqa: PLC0415
    from sn7ml.scenes.layouts.spacenet7 import SPACENET7  # noqa: PLC0415
    from sn7ml.scenes.scored_columns import Stretch, read_grids  # noqa: PLC0415
    from sn7ml.tasks import task_named  # noqa: PLC0415

    package, data, out = (Path(request[name]) for name in ("package", "data", "out"))
    usage = read_usage(package) or parse(Usage, request["usage"], "usage of the request")
    frames = request.get("frames")
    sources = SPACENET7.sources(data) if frames is None else SOURCES.check(pd.DataFrame(frames))
    predictor = load_predictor(package, usage.predict)
    stretches = {
        aoi: [Stretch(start, stop, fold if fold <= predictor.folds else 0) for start, stop, fold in parts]
        for aoi, parts in request["stretches"].items()
    }
    for _ in predict_frames(predictor, data, sources, stretches, out / "probabilities"):
        pass
    grids = read_grids(data, sources, list(stretches))
    output = task_named(usage.task).output
    output.write(out / "footprints", extract_aois(output, out / "probabilities", grids, usage.output), grids)
    write_text(out / "answer.json", json.dumps({"schema": SCHEMA, "code": str(Path(sn7ml.__file__).parent)}))


if __name__ == "__main__":
    try:
        answer(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    except Sn7Error as error:
        print(error, file=sys.stderr)  # noqa: T201 - to the process that asked
        raise SystemExit(1) from None
