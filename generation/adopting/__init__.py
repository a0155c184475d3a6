"""A set of images that was made elsewhere, as a release like any other.

Imports releases and everything below.
"""
