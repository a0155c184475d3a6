"""Linear probes: a classifier on frozen features, its strength searched for, on sets of other tasks.

Imports nothing of this folder.
"""
