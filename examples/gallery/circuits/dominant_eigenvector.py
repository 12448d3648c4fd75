"""
How does a circuit choose an eigenvector?
=========================================

Its loop gain is just above one for the largest eigenvalue and below one for
all others. From a small start the part of the outputs along the dominant
eigenvector grows, with the others far behind, until a rail ends the growth.
What is left of the others is the error. How far above one the gain stands
(detuning) trades it for time.
"""

import matplotlib.pyplot as plt
import numpy as np

import amcspice as amc

rng = np.random.default_rng(0)
X = rng.standard_normal((6, 12))
A = X @ X.T / 12
vectors = np.linalg.eigh(A).eigenvectors

plt.style.use("amcspice.view.amcspice")
figure, (growth, trade) = plt.subplots(
    1, 2, figsize=(9, 3.8), layout="constrained"
)
detunings = (0.2, 0.1, 0.05, 0.02, 0.01)
times, errors = [], []
for detuning in detunings:
    run = amc.solve("eig", A, detuning=detuning, fidelity="behavioural")
    times.append(run.settling_time * 1e6)
    errors.append(100 * run.relative_error)
    if detuning == 0.05:
        time, outputs = run.waveforms.solution()
        parts = abs(outputs @ vectors)
        growth.semilogy(time * 1e6, parts[:, -1], label="dominant")
        growth.semilogy(time * 1e6, parts[:, :-1], "0.6")
        growth.plot([], "0.6", label="others")
        growth.set_xlim(0, 1.3 * times[-1])
        growth.set_ylim(1e-5, 20)
growth.set_xlabel("time (µs)")
growth.set_ylabel("part of the outputs (V)")
growth.set_title("detuning 0.05")
trade.loglog(times, errors, "o-")
for detuning, *place in zip(detunings, times, errors, strict=True):
    trade.annotate(f" {detuning}", place, ha="left", va="bottom")
trade.set_xticks([1, 2, 5], [1, 2, 5])
trade.set_yticks([0.3, 1, 3], [0.3, 1, 3])
trade.minorticks_off()
trade.set_xlabel("settling time (µs)")
trade.set_ylabel("error of the direction (%)")
trade.set_title("by detuning")
figure.legend(loc="outside lower left", ncols=2)
print(f"detuning 0.01: {times[-1]:.1f} µs, error {errors[-1]:.2f} %")
