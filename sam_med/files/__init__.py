"""Volume files: NIfTI, NRRD, MetaImage and FreeSurfer to a volume and back.

`read_volume` is the one way in for every input, and hands DICOM over to `sam_med.series`.
"""
