"""From the name a user types to a model, and what is published about it.

Imports hub and the vocabulary; no torch at import time.
"""
