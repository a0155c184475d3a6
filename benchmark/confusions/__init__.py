"""Which classes a model loses on a split, and which wrong answers the split adds over its reference."""

from __future__ import annotations
