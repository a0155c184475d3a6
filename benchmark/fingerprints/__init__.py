"""What a model is, as hashes: its weights, its layers, its code, and how it behaves.

Imports naming and everything below; never the models' own loaders.
"""
