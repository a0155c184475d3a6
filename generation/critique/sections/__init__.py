"""How each section of a critique is shown: one module a section, as blocks for the page and for Markdown."""
