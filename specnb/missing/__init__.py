"""Finding spectral lines that a simulator lacks, and the elements that make them (O'Briain et al.
2021, Fig. 4).
"""
