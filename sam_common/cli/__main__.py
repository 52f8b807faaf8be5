"""`python -m sam_common.cli` is the program `sam-common`."""

from sam_common.cli.main import main

main()
