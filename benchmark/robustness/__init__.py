"""The line through baseline models, and effective robustness against it.

Imports predictions and everything below.
"""
