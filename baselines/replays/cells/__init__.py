"""Cells of an experiment beyond accuracies on splits: probes, features, distances by CLIP, and plots.

Imports the specs of experiments and where a replay runs; of the modules that train and gather rows, nothing.
"""
