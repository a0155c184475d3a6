"""What a filter does to accuracies and ranks: the same models on views of one split, and by threshold.

Imports predictions, figures and everything below.
"""
