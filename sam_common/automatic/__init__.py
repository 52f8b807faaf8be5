"""Automatic masks: all objects of one image, from a grid of points or from proposed boxes."""
