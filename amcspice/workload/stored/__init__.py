"""Ratings on disk, and their factorisation shared out over processes and machines."""
