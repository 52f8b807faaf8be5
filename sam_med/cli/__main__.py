"""`python -m sam_med.cli` is the program `sam-med`."""

from sam_med.cli.main import main

if __name__ == "__main__":  # not where a worker of Dask imports it
    main()
