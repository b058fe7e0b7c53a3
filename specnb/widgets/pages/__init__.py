"""What the explorer in the browser is told: a page with its arrays, and models as small programs."""
