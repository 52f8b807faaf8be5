"""Notebooks: a volume in an output, and the objects that were drawn in it as a label map.

`explore` is imported by users from `sam_med`; no other room uses this one.
"""
