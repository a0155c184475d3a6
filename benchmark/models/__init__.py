"""One module for each model library: a request becomes a Classifier.

Imports naming, splits and everything below; never predictions or training.
"""
