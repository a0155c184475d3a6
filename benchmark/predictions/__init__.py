"""Stored predictions, and every number that follows from them.

Imports splits and everything below; never runs a model.
"""
