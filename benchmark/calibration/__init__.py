"""Calibration and selective prediction: pure arithmetic on confidences and right answers.

Imports statistics and everything below.
"""
