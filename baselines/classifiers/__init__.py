"""Small classifiers, trained to fit a line through.

Imports benchmark only.
"""
