"""The forms in which data sets of probes come, read as names, classes and parts."""
