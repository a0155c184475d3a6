"""Images of a split on their way to a model: read, decoded, brought to its size, put together to batches.

Imports splits, models and everything below.
"""
