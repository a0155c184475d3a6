"""What a version is, as TOML, and where the weights of its generators lie.

Imports benchmark only.
"""
