"""Answers worked out by hand, one topology at a time: nothing here uses the code under test."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.sparse as sp
import scipy.sparse.linalg


def random_problem(seed, rows=32, columns=8, vectors=None):
    """Return a well-conditioned uniform matrix and right-hand sides with active constraints."""
    draw = np.random.default_rng(seed)
    A = draw.random((rows, columns))
    shape = (columns,) if vectors is None else (columns, vectors)
    x = draw.uniform(-0.5, 1.0, shape)
    b = A @ np.maximum(x, 0)
    return A, b + 0.1 * draw.standard_normal(b.shape)


def nnls(A, b):
    """Non-negative least squares, judged by the KKT conditions before it is used."""
    x = scipy.optimize.nnls(A, b)[0]
    gradient = A.T @ (A @ x - b)
    scale = np.abs(A.T @ b).max()
    assert (gradient >= -1e-10 * scale).all()
    assert np.abs(gradient[x > 0]).max(initial=0) < 1e-10 * scale
    return x


def classic_operating_point(G, current, *, feedback, gain, output_resistance=0.0):
    """Solve the classic circuit for x at DC.

    Row i:      sum_j G_ij (x_j - s_i) + g_f (r_i - s_i) + I_i = 0
    Column j:   sum_i G_ij (r_i - c_j) = 0
    Amplifiers: r = -A s - R (g_f (r - s) + sum_j G_ij (r - c_j)),  x = A c - R (T x - G' s)
    """
    m, n = G.shape
    S = np.diag(G.sum(axis=1) + feedback)
    row, column = np.diag(G.sum(axis=1)), np.diag(G.sum(axis=0))
    R, one = output_resistance, np.eye
    zero = np.zeros
    # Unknowns: s (m), c (n), r (m), x (n).
    system = np.block(
        [
            [-S, zero((m, n)), feedback * one(m), G],
            [zero((n, m)), -column, G.T, zero((n, n))],
            [(gain - R * feedback) * one(m), -R * G, one(m) + R * (feedback * one(m) + row),
             zero((m, n))],
            [-R * G.T, -gain * one(n), zero((n, m)), one(n) + R * column],
        ]
    )  # fmt: skip
    known = np.concatenate([-current, np.zeros(2 * n + m)])
    return np.linalg.solve(system, known)[-n:]


def compact_operating_point(G, current, *, row_total, gain, output_resistance=0.0):
    """Solve the compact circuit for x at DC.

    Row i:      S_i v_i = sum_j G_ij (x_j + u_j) + I_i
    Column j:   T_j u_j = sum_i G_ij v_i
    Amplifier:  x = -A u - R (T x - G' v)
    """
    n = G.shape[1]
    T = np.diag(G.sum(axis=0))
    R, one = output_resistance, np.eye
    # Unknowns: v (m), u (n), x (n).
    system = np.block(
        [
            [np.diag(row_total), -G, -G],
            [-G.T, T, np.zeros((n, n))],
            [-R * G.T, gain * one(n), one(n) + R * T],
        ]
    )
    known = np.concatenate([current, np.zeros(2 * n)])
    return np.linalg.solve(system, known)[-n:]


def classic_state_space(G, *, feedback, gbw):
    """Return (M, N) of d(r, x)/dt = M (r, x) + N I for infinite gain, from section 3."""
    m, n = G.shape
    unity = 2 * np.pi * gbw
    S, T = G.sum(axis=1) + feedback, G.sum(axis=0)
    M = np.block(
        [
            [-unity * np.diag(feedback / S), -unity * G / S[:, None]],
            [unity * G.T / T[:, None], np.zeros((n, n))],
        ]
    )
    N = np.vstack([-unity * np.diag(1 / S), np.zeros((n, m))])
    return M, N


def compact_state_space(G, *, row_total, gbw):
    """Return (M, N) of dx/dt = M x + N I for infinite gain, from section 3."""
    unity = 2 * np.pi * gbw
    weighted = G.T / row_total
    P = np.linalg.inv(np.diag(G.sum(axis=0)) - weighted @ G)
    return -unity * P @ weighted @ G, -unity * P @ weighted


def step(M, N, current, times):
    """Return the states of dz/dt = M z + N I from rest at each time, by matrix exponentials."""
    size = len(M)
    augmented = np.zeros((size + 1, size + 1))
    augmented[:size, :size], augmented[:size, -1] = M, N @ current
    start = np.append(np.zeros(size), 1.0)
    return np.array([(scipy.linalg.expm(augmented * t) @ start)[:size] for t in times])


def dissipated(circuit, names, voltages, currents):
    """Return what every element dissipates, from the port voltages alone.

    The interior nodes come from a sparse solve of the flat network; what the network takes out
    of an amplifier's output comes from the rail it must come from.

    Returns
    -------
    parts : dict of str to float
        ``array``, ``stages``, ``hold``, ``quiescent`` and ``input`` (absorbed by the array from
        the inputs, not part of the sum) [W].
    """
    opamp, schematic = circuit.opamp, circuit.schematic
    network = schematic.network
    a, b, g = network.elements
    size = len(network)
    ports = np.array([network.names.index(name) for name in names])
    laplacian = sp.coo_array(
        (np.r_[g, g, -g, -g], (np.r_[a, b, a, b], np.r_[a, b, b, a])), shape=(size, size)
    ).tocsr()
    injected, held, v = np.zeros(size), ports, np.zeros(size)
    v[ports] = voltages
    if schematic.driven:
        held = np.append(ports, schematic.inputs)
        v[schematic.inputs] = currents
    else:
        np.add.at(injected, schematic.injected, currents)
    free = np.setdiff1d(np.arange(size), np.append(0, held))
    if len(free):
        known = laplacian[free][:, held] @ v[held]
        v[free] = scipy.sparse.linalg.spsolve(
            laplacian[free][:, free].tocsc(), injected[free] - known
        )
    delivered = laplacian @ v - injected
    stages = hold = quiescent = 0.0
    for bank in schematic.amplifiers:
        low = 0.0 if bank.floor_at_ground else opamp.supply_negative
        for minus, out in zip(bank.minus, bank.out, strict=True):
            rail = opamp.supply_positive if delivered[out] > 0 else low
            stages += (rail - v[out]) * delivered[out]
            quiescent += opamp.quiescent_current * (opamp.supply_positive - low)
            if bank.hold is not None:
                hold += (v[minus] - low) * -delivered[minus]
    return {
        "array": float((g * (v[a] - v[b]) ** 2).sum()),
        "stages": float(stages),
        "hold": float(hold),
        "quiescent": quiescent,
        "input": float(currents @ delivered[schematic.inputs])
        if schematic.driven
        else float(v[schematic.injected] @ currents),
    }
