"""What a model and a split have in common: training data, generators, and models behind the images.

Imports the vocabulary of records and results, and names. Pure: a split's origin is in its record, what is
known of training sets and of families of generators is data.
"""
