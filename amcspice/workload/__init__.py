"""Workloads: what the circuits are used for, from files to figures of merit."""

from amcspice.workload.matrix_file import read_matrix

__all__ = ["read_matrix"]
