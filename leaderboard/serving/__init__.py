"""What the web servers of this folder share: the theme, the port, and the run until Ctrl-C.

Imports nothing of leaderboard.
"""
