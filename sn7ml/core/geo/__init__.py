"""Pure geometry on arrays and polygons: grids, windows, masks, outlines. No files, no torch."""
