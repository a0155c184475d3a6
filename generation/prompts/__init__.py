"""Prompt recipes and the token limit of text encoders.

Imports specs.
"""
