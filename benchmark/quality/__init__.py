"""How good a set of generated images is, by its features: distances to real images, and diversity.

Imports fingerprints, checkpoints, statistics and everything below; only `inception` imports torch.
"""
