"""How often honest models are accused: their files, the bounds of the rates, and what was measured."""
