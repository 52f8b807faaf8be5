"""Prompts: boxes, points and masks of objects, placed in the indices of a raster."""
