"""The command line of specnb: one module for each theme, and `main`, which joins them."""
