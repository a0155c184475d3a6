"""The text side of a zero-shot classifier: class names, templates, and the head they make.

Imports storage, classes and below.
"""
