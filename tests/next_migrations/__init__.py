"""The migrations of a made-up next release of the app of Django."""
