"""HTTP: a file per resource. Parse, one use case, shape."""
