"""Gaia RVS: its spectra, its archive, and what a mock survey has to imitate."""
