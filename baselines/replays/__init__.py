"""A paper's experiments, run again on any version.

Imports the other rooms of baselines, except commands.
"""
