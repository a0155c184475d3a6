"""Fractals drawn by random iterated function systems, as a set of pictures to mix into images.

Imports benchmark only.
"""
