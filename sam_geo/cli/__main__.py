"""`python -m sam_geo.cli` is the program `sam-geo`."""

from sam_geo.cli.main import main

main()
