"""How a version is made, checked and published."""
