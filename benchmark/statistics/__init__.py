"""Pure arithmetic: right answers, intervals and paired tests.

Imports errors only.
"""
