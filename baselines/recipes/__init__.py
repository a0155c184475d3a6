"""Recipes of classifiers, and which image of a mix is learnt from in which step: data and arithmetic.

Imports the augmentations, the small classifiers, and benchmark.
"""
