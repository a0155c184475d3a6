"""Images that look alike: perceptual hashes, and the pairs among them.

Imports benchmark alone.
"""
