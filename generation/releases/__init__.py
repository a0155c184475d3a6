"""A release: written, read, checked, described and published.

Imports rendering and everything below.
"""
