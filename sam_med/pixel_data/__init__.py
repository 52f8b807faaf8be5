"""Pixel data: the stored values of DICOM slices, decoded and rescaled."""
