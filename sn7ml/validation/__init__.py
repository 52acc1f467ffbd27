"""Judge the facts of a data set before anything trains on it. Great Expectations lives here.

Importing ``sn7ml.validation.run`` or ``suites`` loads Great Expectations, which takes seconds; ``report`` does not.
"""
