"""A submission checked against itself, its predictions, the baseline lines and a second run.

Imports submissions.
"""
