"""A Stable Diffusion trained further on images of a split, read as they are needed.

May import the parts of pipelines; `training` trains small models from nothing, on images in memory.
"""
