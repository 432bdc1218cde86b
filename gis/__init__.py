"""Geometry in, geometry out: coordinates, formats, coverage, lookup and the store. Knows no unit, no case, no HTTP."""
