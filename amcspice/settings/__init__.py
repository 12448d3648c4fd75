"""Parameters by name: options of the command line and of sweeps as library objects."""
