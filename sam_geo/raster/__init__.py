"""Rasters: opened, read by windows, sampled, stretched to 8 bits, and identified."""
