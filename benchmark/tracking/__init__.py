"""Results handed to an experiment tracker: trackio, Weights & Biases or TensorBoard. Each is an extra.

A callback over finished results, and nothing else. May import predictions and below; only commands import it.
"""
