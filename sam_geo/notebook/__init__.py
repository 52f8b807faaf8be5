"""Notebooks: a raster in an output, and the objects that were clicked in it as a GeoDataFrame.

`explore` is imported by users from `sam_geo`; no other room uses this one.
"""
