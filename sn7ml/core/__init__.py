"""What every room stands on: errors, bounded reading, table schemas, geometry, maps over items. No tasks live here."""
