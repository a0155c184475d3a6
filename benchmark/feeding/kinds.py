"""What decodes images; without torch, so that settings can name it."""

from __future__ import annotations

from typing import Literal

FeedingKind = Literal["auto", "threads", "processes"]
"""Threads of this process, processes of their own, or whichever suits the device."""
