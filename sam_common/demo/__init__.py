"""Demo: what the demos of both sides record, the pictures that they draw, and the page of both."""
