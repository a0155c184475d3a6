"""What computes a model's answers: a batch in, logits out, several batches at a time.

Imports feeding, models and everything below.
"""
