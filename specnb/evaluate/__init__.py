"""Tests of what latents contain, and of whether two sets of spectra differ."""
