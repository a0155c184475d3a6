"""Training a language model to write captions.

Imports captions and everything below.
"""
