"""Automatic masks: everything in one image, from a grid of points or from boxes."""
