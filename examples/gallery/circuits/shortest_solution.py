"""
How does a base station find the weakest signals that reach its users?
======================================================================

Fewer equations than unknowns have many solutions; precoding wants the
shortest. The right generalised inverse gives it from the channel itself,
by two arrays, without a Gram matrix. Each user then receives its number, and
any other solution (here the shortest one and something that no user hears)
takes more power.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
A = rng.standard_normal((12, 3))  # antennas, users
b = np.array([1.0, -0.5, 0.75])
run = amc.solve(
    "precode",
    A,
    b,
    circuit="ginv-right",
    fidelity="behavioural",
)
silent = rng.standard_normal(12)
silent -= A @ np.linalg.lstsq(A, silent)[0]

plt.style.use("amcspice.view.amcspice")
figure, (sent, received) = plt.subplots(
    1, 2, figsize=(9, 3.6), width_ratios=(3, 1), layout="constrained"
)
antennas, users = np.arange(1, 13), np.arange(1, 4)
for k, x in enumerate([run.x, run.x + 0.15 * silent]):
    label = ("circuit", "another solution")[k]
    place = 0.4 * k - 0.2
    sent.bar(antennas + place, x, 0.4, label=label)
    received.bar(users + place, A.T @ x, 0.4)
    print(f"{label:16} power {x @ x:.3f}")
received.plot(users, b, "ko", label="wanted")
sent.set_xlabel("antenna")
sent.set_ylabel("signal")
sent.set_xticks(antennas)
received.set_xlabel("user")
received.set_xticks(users)
figure.legend(loc="outside lower center", ncols=3)
print(f"settled after {run.settling_time * 1e9:.0f} ns")
