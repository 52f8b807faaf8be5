"""Stitching: one object out of what overlapping windows saw of it."""
