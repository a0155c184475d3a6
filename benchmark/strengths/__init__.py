"""The strength of a shift: which images show it how strongly, and where a model begins to fail.

Imports classes, errors, records and statistics.
"""
