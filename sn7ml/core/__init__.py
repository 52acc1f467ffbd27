"""The ground that every room stands on: errors, bounded reading, table schemas, geometry, maps over items. No task lives here."""
