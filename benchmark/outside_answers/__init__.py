"""Answers that come from elsewhere: multiple-choice questions out, answers in, as predictions.

Imports feeding, models, predictions, catalogue and everything below.
"""
