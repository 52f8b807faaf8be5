"""Files of prompts: tables and vector files of any kind into one kind of table."""
