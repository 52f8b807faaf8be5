"""Geometry: where voxels are in the patient, and what is unusual about it."""
