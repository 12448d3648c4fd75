"""What a package of somebody else adds to amcspice: a topology, a problem, an amplifier."""
