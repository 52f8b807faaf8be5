"""Finetuning: a network taught the objects of a raster by polygons, and judged beside them."""
