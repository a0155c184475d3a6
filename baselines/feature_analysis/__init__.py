"""What the features of a model look like on a set: sparsity, distance in a class, redundancy, coding length.

Imports nothing of this folder.
"""
