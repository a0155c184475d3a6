"""A split: its reference, its rows, its views, and one loader for each place that images lie in.

Imports images, hub and the vocabulary; not catalogue, which chooses between the loaders.
"""
