"""Metrics: how well two masks agree, in voxels and in mm."""
