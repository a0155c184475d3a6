"""Private siblings of a release: built under a key, checked, scored and opened."""

from __future__ import annotations
