"""`python -m sam_common.cli` is the program `sam-common`."""

from sam_common.cli.main import main

if __name__ == "__main__":  # not where a worker of Dask imports it
    main()
