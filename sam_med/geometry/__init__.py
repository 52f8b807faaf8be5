"""Geometry: where voxels are in the patient, boxes of voxels, and the diagnostics of a scan.

`Volume` is what every reader returns and every later step takes. Nothing here reads a file.
"""
