"""Filters by a score: what a view keeps images by, and which view of another split keeps them alike.

Imports splits and everything below it.
"""
