"""Great Expectations' own Data Docs of a validation, for readers who know them.

They hold times and random ids, so they are never an output of a stage; and they fetch styles and scripts from the
network.
"""

import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from sn7ml.core.errors import ParamsError
from sn7ml.core.runtime.files import replacing
from sn7ml.validation.check import Check
from sn7ml.validation.gx import gx, quiet_context

SITE = Path("gx", "uncommitted", "data_docs", "local_site")


def write_data_docs(folder: Path, tables: Mapping[str, pd.DataFrame], suites: Mapping[str, Sequence[Check]]) -> Path:
    """Judge tables by the suites of the same names; write the pages to a new or empty folder, whole or not at all.

    Returns the page to open. Raises ParamsError if ``folder`` is a file, or not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParamsError(
            "output.folder-not-empty", f"{folder} exists and is not an empty folder; remove it or name another one"
        )
    logger = logging.getLogger("great_expectations")
    with ExitStack() as stack:
        stack.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.ERROR)  # what it logs are failed expectations, and they are on the pages
        temporary = stack.enter_context(tempfile.TemporaryDirectory())
        context = quiet_context(mode="file", project_root_dir=temporary)
        source = context.data_sources.add_pandas("facts")
        for name, checks in suites.items():
            batches = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
            suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=[check.bound() for check in checks]))
            definition = gx.ValidationDefinition(name=name, data=batches, suite=suite)
            checkpoint = gx.Checkpoint(
                name=name,
                validation_definitions=[context.validation_definitions.add(definition)],
                actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")],
                result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["aoi", "time", "file"]},
            )
            table, run = tables[name].reset_index(drop=True), gx.RunIdentifier(run_name="sn7ml validate")
            context.checkpoints.add(checkpoint).run({"dataframe": table}, run_id=run)
        with replacing(folder) as fresh:
            shutil.copytree(Path(temporary) / SITE, fresh)
    return folder / "index.html"
