"""Measured lines that come with a version: stored beside its release, found by its name.

Imports robustness and everything below.
"""
