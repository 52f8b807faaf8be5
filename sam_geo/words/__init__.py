"""Words: objects that a text describes, found in windows, linked to boxes, and segmented."""
