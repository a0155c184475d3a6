"""Making a submission and sending it.

Imports validation and submissions.
"""
