"""Price shapes, and price × quantity → rated slices: pure, a library of our own."""
