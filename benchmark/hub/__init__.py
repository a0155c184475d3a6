"""The network: the Hugging Face Hub and weights, with one clear error for each failure.

Imports only the vocabulary of benchmark (errors, storage, identity, ...).
"""
