"""Bytes to pixels, and the containers that images lie in.

Imports hub and the vocabulary of benchmark.
"""
