"""Annotations: points, lines and outlines that people drew on images, read from SR and GSPS."""
