"""Find spectral lines that a simulator lacks, and their elements (O'Briain et al. 2021, Fig. 4)."""
