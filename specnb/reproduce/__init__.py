"""The command line: it runs notebooks and stores their figures, tables and numbers."""
