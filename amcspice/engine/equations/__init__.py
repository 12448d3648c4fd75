"""Circuits as equations: amplifiers on reduced networks, their linear model and its modes."""
