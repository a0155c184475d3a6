"""What the web servers of this folder share: theme, port, limits of time, memory, and the run until Ctrl-C.

Imports nothing of leaderboard.
"""
