"""How the points of a sweep are run: processes, clusters, one run that loses nothing."""
