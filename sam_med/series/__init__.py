"""Series: DICOM files under a path, grouped into scans, of which one is read."""
