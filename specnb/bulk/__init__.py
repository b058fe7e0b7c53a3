"""Tables of many stars from many files: labels, latents and predictions, a piece at a time."""
