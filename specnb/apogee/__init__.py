"""What is special to APOGEE: its files, its continuum, and a mock survey of its kind."""
