"""A model's answers to images, as they are stored: the best five classes, and two sums over all of them.

Imports classes, statistics and everything below.
"""
