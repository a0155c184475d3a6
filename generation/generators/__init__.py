"""Generators: rows in, images out. Users' own generators import these three names from here.

Imports plans, prompts and specs.
"""

from imagenet_g.generation.generators.generator import Generator, Rendering, RenderRow

__all__ = ["Generator", "RenderRow", "Rendering"]
