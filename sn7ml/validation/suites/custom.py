"""Expectations that Great Expectations has not: about geometry."""

from typing import Any

import numpy as np
import pandas as pd
import shapely

from sn7ml.core.geo.polygons import POLYGONAL
from sn7ml.validation.gx import (
    ColumnMapExpectation,
    ColumnMapMetricProvider,
    PandasExecutionEngine,
    column_condition_partial,
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
