"""Expectations that Great Expectations has not: about geometry, and about rows that must agree with each other."""

from typing import Any

import numpy as np
import pandas as pd
import shapely

from sn7ml.data.frame_series import commonest
from sn7ml.geo.polygons import POLYGONAL
from sn7ml.validation.gx import (
    ColumnMapExpectation,
    ColumnMapMetricProvider,
    ColumnPairMapExpectation,
    ColumnPairMapMetricProvider,
    PandasExecutionEngine,
    column_condition_partial,
    column_pair_condition_partial,
)


class _ValidPolygons(ColumnMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_values.valid_polygons"

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: pd.Series, **_: Any) -> pd.Series:  # noqa: N805 - Great Expectations passes the class
        shapes = column.to_numpy(dtype=object)
        sound = np.isin(shapely.get_type_id(shapes), POLYGONAL) & ~shapely.is_empty(shapes) & shapely.is_valid(shapes)
        return pd.Series(sound, index=column.index)


class ExpectColumnValuesToBeValidPolygons(ColumnMapExpectation):  # type: ignore[misc]
    """Shapely geometries are polygons, not empty, and do not cross themselves. Missing ones are not judged."""

    map_metric = "column_values.valid_polygons"


class _AgreeWithinGroup(ColumnPairMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_pair_values.agree_within_group"
    condition_domain_keys = (
        "batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip
    condition_value_keys = ()

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, **_: Any) -> pd.Series:  # noqa: N805
        return column_B == commonest(column_A, column_B)


class ExpectValuesToAgreeWithinGroup(ColumnPairMapExpectation):  # type: ignore[misc]
    """Rows with the same value in ``column_A`` have the same in ``column_B``; those that differ from most do not meet it."""

    map_metric = "column_pair_values.agree_within_group"
    ignore_row_if: str = "either_value_is_missing"
    domain_keys = (*ColumnPairMapExpectation.domain_keys, "ignore_row_if")
