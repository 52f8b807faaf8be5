"""DICOM headers: the place, kind and scale of each slice of a file, and slices to a stack.

A slice is a file, a frame of a multi-frame file, or a tile of a mosaic. No pixel is decoded here
(`sam_med.pixel_data`), and only one file is read at a time (`sam_med.series` reads many).
"""
