"""`python -m sam_geo.cli` is the program `sam-geo`."""

from sam_geo.cli.main import main

if __name__ == "__main__":  # not where a worker of Dask imports it
    main()
