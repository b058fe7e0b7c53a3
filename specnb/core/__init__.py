"""Labels, wavelengths, sets of spectra, broadening, rebinning, files and the training loop."""
