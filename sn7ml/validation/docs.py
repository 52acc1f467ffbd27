"""Great Expectations' own Data Docs of a validation, for readers who know them.

They hold times and random ids, so they are never an output of a stage; and they fetch styles and scripts from the
network.
"""

import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sn7ml.core.errors import ParamsError
from sn7ml.core.runtime.files import replacing
from sn7ml.validation.gx import ProgressBarsConfig, gx
from sn7ml.validation.suites import Check

SITE = Path("gx", "uncommitted", "data_docs", "local_site")


def write_data_docs(folder: Path, tables: Mapping[str, pd.DataFrame], suites: Mapping[str, Sequence[Check]]) -> Path:
    """Judge tables and write the pages to a folder, whole or not at all.

    Parameters
    ----------
    folder
        Must not exist, or be an empty folder.
    tables
        Name to facts, as in :func:`sn7ml.validation.run.validate`.
    suites
        Name of a table to what is expected of it. Each gets a page.

    Returns
    -------
    Path
        Of the page to open.

    Raises
    ------
    ParamsError
        If ``folder`` is a file, or not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParamsError(
            "output.folder-not-empty", f"{folder} exists and is not an empty folder; remove it or name another one"
        )
    logger = logging.getLogger("great_expectations")
    before = logger.level
    logger.setLevel(logging.ERROR)  # what it logs are failed expectations, and they are on the pages
    try:
        with tempfile.TemporaryDirectory() as temporary:
            context = gx.get_context(mode="file", project_root_dir=temporary)
            context.variables.progress_bars = ProgressBarsConfig(globally=False)
            source = context.data_sources.add_pandas("facts")
            for name, checks in suites.items():
                _judge_with_pages(context, source, tables[name], name, checks)
            with replacing(folder) as fresh:
                shutil.copytree(Path(temporary) / SITE, fresh)
    finally:
        logger.setLevel(before)
    return folder / "index.html"


def _judge_with_pages(context: Any, source: Any, table: pd.DataFrame, name: str, checks: Sequence[Check]) -> None:
    """Judge one table; the checkpoint's action writes its pages."""
    batches = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=[check.bound() for check in checks]))
    definition = gx.ValidationDefinition(name=name, data=batches, suite=suite)
    checkpoint = gx.Checkpoint(
        name=name,
        validation_definitions=[context.validation_definitions.add(definition)],
        actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")],
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["aoi", "time", "file"]},
    )
    run = gx.RunIdentifier(run_name="sn7ml validate")
    context.checkpoints.add(checkpoint).run({"dataframe": table.reset_index(drop=True)}, run_id=run)
