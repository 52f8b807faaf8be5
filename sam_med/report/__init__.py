"""Reports: comparisons, measurements, review pages and pictures."""
