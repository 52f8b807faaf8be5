"""DICOM series: the files of a folder, zip or DICOMDIR as scans, of which one is read.

`find` lists every series under a path by the headers of its files, `read` reads one as a volume.
"""
