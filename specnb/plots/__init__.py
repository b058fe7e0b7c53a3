"""Functions that draw figures. They take arrays or tables and return a matplotlib Figure; they do
not save or show it.
"""
