"""DICOM files: opened whatever their beginning, and the values of their tags."""
