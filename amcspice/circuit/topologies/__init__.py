"""Topologies: one short module each."""
