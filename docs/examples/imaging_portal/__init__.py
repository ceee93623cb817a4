"""A small portal made with Django: see the page "Use it with Django"."""
