"""Checks on the images of a split: near-duplicates, safety, variation, plain images and watermarks.

Imports filtering, releases, near_duplicates and everything below.
"""
