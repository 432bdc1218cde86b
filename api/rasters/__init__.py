"""Rasters of an installation: what is registered, where the files lie, and what is made of them with the store."""
