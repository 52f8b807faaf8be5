"""`python -m sam_common.installation`, and `python bundle.zip`."""

from .program import main

raise SystemExit(main())
