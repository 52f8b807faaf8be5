"""Volume formats: file suffixes, text headers of NRRD and MetaImage, and compressed voxels.

What is known of a volume file without the library that reads its voxels; `sam_med.files` reads it.
"""
