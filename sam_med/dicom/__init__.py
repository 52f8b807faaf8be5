"""DICOM files: how one file is encoded, and the values of its tags, damaged ones included.

The layer between pydicom and the other rooms. What the tags mean for an image is in
`sam_med.headers`, its pixels in `sam_med.pixel_data`, and which files form a scan in
`sam_med.series`.
"""
