"""Jobs from files to files: what the command line, the demo and the live server run."""
