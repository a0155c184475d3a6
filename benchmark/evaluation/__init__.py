"""Running models on splits: inference, cache and the whole evaluation.

Imports models, predictions and everything below.
"""
