"""Prompts: what is asked for, placed in the indices of a raster."""
