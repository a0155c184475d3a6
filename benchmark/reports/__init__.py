"""Results in words: tables, notes and a sentence for each split.

Pure. Imports predictions, robustness and everything below them, and no command.
"""
