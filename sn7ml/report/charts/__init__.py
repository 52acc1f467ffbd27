"""Charts of scores, searches and losses."""
