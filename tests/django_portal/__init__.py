"""A portal made with Django, for the tests: one app, with letters of its own."""
