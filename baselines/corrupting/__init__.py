"""Common corruptions in the spirit of ImageNet-C: every image of a split, kind by kind, as a release.

Imports distorting and everything below it.
"""
