"""The policy engine: decides on values and returns values; it asks nobody and writes nothing."""
