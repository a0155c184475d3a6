"""The mean corruption error of a set with many parts, and the model that it is relative to.

Imports results and everything below it.
"""
