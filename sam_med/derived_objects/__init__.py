"""Derived DICOM objects: SEG, RTSTRUCT and SR, written on the images that they were made from."""
