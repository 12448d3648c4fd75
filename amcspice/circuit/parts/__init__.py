"""Parts that circuits share: array pairs, differential lines, constraints, switches."""
