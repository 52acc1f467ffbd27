"""Great Expectations suites over tables of facts, and their reports."""
