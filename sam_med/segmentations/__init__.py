"""Segmentations: objects read from label maps, .seg.nrrd, DICOM SEG and RTSTRUCT."""
