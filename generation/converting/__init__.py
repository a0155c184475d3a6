"""Checkpoints of other codebases, as folders that diffusers loads.

May import the pipelines they are for.
"""
