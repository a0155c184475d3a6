"""A generator by rule: cut-out drawings on painted scenes.

`make_generator` must stay importable from here: the hashed recipe of a published split names this address.
Imports generators and everything below.
"""

from imagenet_g.generation.composites.generator import make_generator

__all__ = ["make_generator"]
