"""A CLIP and a Stable Diffusion trained from images.

Imports rendering, generators and everything below.
"""
