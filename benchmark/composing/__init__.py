"""From stored answers to a model's result: parts of the rows joined, splits scored, the result in its place.

Imports predictions and everything below.
"""
