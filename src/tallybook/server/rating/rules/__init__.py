"""Every decision on what a quantity costs: a file a price kind, and the pipeline round them."""
