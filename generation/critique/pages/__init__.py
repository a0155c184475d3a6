"""The page of a critique: its blocks, and how they become HTML or Markdown."""
