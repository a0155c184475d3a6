"""Results of earlier statistics brought up to those of today, from their stored predictions.

Imports predictions, robustness and everything below.
"""
