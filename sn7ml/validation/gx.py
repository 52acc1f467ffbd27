"""The only import of Great Expectations: no analytics, no progress bars, nothing on disk."""

import os
import warnings
from functools import lru_cache
from typing import Any

import pandas as pd

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read at import

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports sre_constants
    import great_expectations as gx
    from great_expectations import expectations
    from great_expectations.data_context.types.base import ProgressBarsConfig

__all__ = ["expectations", "gx", "judge", "quiet_context"]


@lru_cache(maxsize=1)
def quiet_context(**where: Any) -> Any:
    """Return Great Expectations' entry point without progress bars; ``where`` as ``gx.get_context`` takes it."""
    context = gx.get_context(**where)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def judge(name: str, table: pd.DataFrame, wanted: list[Any]) -> dict[str, Any]:
    """Validate a table by expectations, each with a unique ``meta["name"]``; return that name → validation result.

    The index of the table is not looked at. Raises RuntimeError if an expectation could not be evaluated, for instance
    for want of its column: a defect of ours.
    """
    batch = quiet_context(mode="ephemeral").data_sources.pandas_default.read_dataframe(table.reset_index(drop=True))
    suite = gx.ExpectationSuite(name=name, expectations=wanted)
    outcome = batch.validate(suite, result_format={"result_format": "COMPLETE"})
    for result in outcome.results:
        if result.exception_info and result.exception_info.get("raised_exception", True):
            raise RuntimeError(
                f"{name}: {result.expectation_config.meta['name']!r} not evaluated: {result.exception_info}"
            )
    return {result.expectation_config.meta["name"]: result for result in outcome.results}
