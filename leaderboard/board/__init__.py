"""The parquet files of the board.

Imports validation and submissions.
"""
