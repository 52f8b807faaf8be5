"""`python -m sam_med.cli` is the program `sam-med`."""

from sam_med.cli.main import main

main()
