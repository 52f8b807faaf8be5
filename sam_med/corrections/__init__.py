"""Corrections: clicks, scribbles, outlines and lines by which a person corrects an object."""
