"""Areas by map tile: a boundary becomes tiles, tiles become jobs of a queue, workers fetch, predict and write."""
