"""Propagation: from boxes, points or masks on slices to whole objects."""
