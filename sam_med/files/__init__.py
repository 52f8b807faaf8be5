"""Volume files: NIfTI, NRRD, MetaImage and FreeSurfer to a volume and back."""
