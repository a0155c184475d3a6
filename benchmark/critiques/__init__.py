"""The critique of a generated split: its file, its sections, and the classes that are known to mislead.

Imports rooms of single measures and everything below.
"""
