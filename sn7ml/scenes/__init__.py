"""Files in, arrays and tables out: the only place that opens rasters and GeoJSON."""
