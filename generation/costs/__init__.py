"""What a build costs: seconds an image by pipeline and GPU, from tables and from what was measured here.

Imports specs.
"""
