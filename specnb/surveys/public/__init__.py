"""The public surveys at full size: fetched from their archives, and made into sets of stars."""
