"""Tables that ship with the package: version specs, prompt vocabularies, the map of the renditions."""
