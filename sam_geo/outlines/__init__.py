"""Outlines: masks to polygons, simplified, regularised, reprojected and measured."""
