"""Labels of stars from their spectra, with errors and residuals."""
