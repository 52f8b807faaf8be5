"""Formats: suffixes of volume files, their text headers, and packed voxels."""
