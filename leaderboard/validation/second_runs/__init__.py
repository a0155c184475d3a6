"""A maintainer's second run of a submission: the model run again, and every answer compared."""
