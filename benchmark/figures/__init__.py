"""Figures in files and in notebooks: the canvas they are drawn on, and a chart that is shown and saved.

Imports errors, storage and the terminal's texts.
"""
