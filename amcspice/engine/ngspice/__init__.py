"""ngspice as a library or a process, decks that stream right-hand sides, raw files, logs."""
