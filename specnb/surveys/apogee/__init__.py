"""APOGEE: its spectra in the H band, its archive, and what a mock survey has to imitate."""
