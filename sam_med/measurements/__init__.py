"""Measurements: size, diameters and intensities of objects on the grid of their volume."""
