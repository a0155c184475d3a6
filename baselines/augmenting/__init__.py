"""Augmentations by name: from an image of any size to the views of it that a model learns from.

Imports benchmark only.
"""
