"""The one training loop, its images and its record.

Imports splits and everything below.
"""
