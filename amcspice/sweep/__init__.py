"""Sweeps: a plan of points, a runner that loses nothing, and the store of their results."""
