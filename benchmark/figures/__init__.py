"""Figures in files: the canvas they are drawn on, in one of three formats.

Imports errors, storage and the terminal's texts.
"""
