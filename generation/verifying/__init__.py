"""How exactly a release can be made again, image by image and version by version.

Imports releases and everything below.
"""
