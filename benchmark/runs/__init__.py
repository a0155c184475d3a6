"""An evaluation from its options: checked, planned, run, and held against its lines.

The command line and the Python API both call this. Imports engines and everything below.
"""
