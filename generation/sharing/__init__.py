"""Several processes that build in one folder: who is there, and who does which part.

Imports benchmark alone.
"""
