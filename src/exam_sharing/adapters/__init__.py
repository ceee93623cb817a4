"""Other libraries at the edge: one module each, named for its library."""
