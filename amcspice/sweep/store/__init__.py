"""What is kept of a sweep: the store, what can be asked of it, and files for other programs."""
