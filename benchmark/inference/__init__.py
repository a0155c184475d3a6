"""Models at work on a split: one pass over the images, answers kept in parts, resumed where they stopped.

Imports backends and everything below.
"""
