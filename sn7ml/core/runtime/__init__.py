"""How work is run: a map over named items, seeds, safe file writes, stages."""
