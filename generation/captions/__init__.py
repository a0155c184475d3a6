"""Captions: checked, scored and frozen. No training.

Imports prompts and specs.
"""
