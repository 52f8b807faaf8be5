"""Volume files: NIfTI, NRRD, MetaImage and FreeSurfer, read to a volume and written from one.

`read.read_volume` takes every kind of input, and hands DICOM over to `sam_med.series`.
"""
