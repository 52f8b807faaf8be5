"""Live rasters: the rasters of the local server, their prompts, masks, exports and jobs."""
