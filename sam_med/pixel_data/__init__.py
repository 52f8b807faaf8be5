"""DICOM pixel data: the stored values of slices, decoded and rescaled to voxels.

The slices are those of `sam_med.headers`; a damaged or unsafe stream is refused before a decoder
sees it.
"""
