"""Derived objects: the images behind a volume, and what a DICOM object takes over from them."""
