"""Private siblings of splits: keys and commitments, and the test of public against private answers."""

from __future__ import annotations
