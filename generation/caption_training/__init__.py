"""A language model that is trained to write captions.

Imports captions and everything below.
"""
