"""Results handed to an experiment tracker: trackio, Weights & Biases or TensorBoard. Each is an extra.

A callback over finished results, and nothing else. May import runs and below; commands and the API import it.
"""
