"""Jobs from files to files: what the command line and the demo run."""
