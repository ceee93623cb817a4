"""The policy: decides on values and returns values. It queries nothing and writes nothing."""
