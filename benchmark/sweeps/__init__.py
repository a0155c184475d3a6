"""Many models by one file: chosen by name and condition, run in turn, resumed, counted.

Imports engines, evaluation and everything below.
"""
