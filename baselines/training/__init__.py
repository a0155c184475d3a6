"""Classifiers trained by a recipe: any architecture of timm, on any mix of real and generated images.

Imports recipes, augmentations, the cache of pixels, the small classifiers, and benchmark.
"""
