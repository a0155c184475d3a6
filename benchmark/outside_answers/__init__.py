"""Answers that come from elsewhere: multiple-choice questions out, answers in, as predictions.

Imports evaluation and everything below.
"""
