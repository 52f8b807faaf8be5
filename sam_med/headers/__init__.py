"""Headers: one DICOM file to what is known of each of its slices, and slices to a stack."""
