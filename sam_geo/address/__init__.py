"""Addresses: what a raster or a part of a file is called, and what may be shown of it."""
