"""The report's plots: each a pure function from measurements to an SVG with its caption and text alternative."""
