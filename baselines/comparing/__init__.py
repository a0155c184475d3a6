"""Models compared on the same images.

Imports benchmark only.
"""
