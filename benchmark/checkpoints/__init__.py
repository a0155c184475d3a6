"""Own weights: read safely, their names matched, every tensor accounted for.

Imports errors and below, and torch; no model library. A library gives its conversion of foreign names as a
function.
"""
