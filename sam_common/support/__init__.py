"""Support: files that are whole or absent, lazy imports, quiet libraries, the terminal."""
