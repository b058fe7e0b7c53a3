"""Grids of synthetic spectra, and the effect of each label and element on a spectrum."""
