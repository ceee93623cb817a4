"""`exam-sharing tour`: the whole story of sharing, on a real medium."""
