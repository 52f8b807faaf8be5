"""Demo: what the demos of both sides record, and the page of both."""
