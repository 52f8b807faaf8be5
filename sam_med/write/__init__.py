"""Writing: label maps, .seg.nrrd, DICOM SEG and RTSTRUCT, each read back before it appears."""
