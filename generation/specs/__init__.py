"""The specs of versions, as TOML, and the location of the weights of their generators.

Imports benchmark only.
"""
