"""The page in the browser: its files, its libraries, and what it asks of a session to draw it."""
