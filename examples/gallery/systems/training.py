"""
Do analog inverses train as well as exact ones?
===============================================

Second-order training (K-FAC) multiplies gradients with inverses of curvature
matrices. Here a small network learns the digits of scikit-learn, with first
order, with exact inverses, and with inverses on arrays of 16 levels and 2 %
write noise, written anew as the network learns. Both inverses come to the same
loss, below that of first order. (Dotted: targets of a comparison.)
"""

import functools

import amcspice as amc
from amcspice.view.training import learning
from amcspice.workload.training import (
    KFAC,
    AnalogCurvature,
    Comparison,
    Entrant,
    SGDMomentum,
    Trial,
    digits,
)

chips = functools.partial(amc.Chip, levels=16, write_noise=0.02)
entrants = (
    Entrant("momentum", SGDMomentum()),
    Entrant("K-FAC, exact", KFAC()),
    Entrant("K-FAC, analog", KFAC(), AnalogCurvature(chips)),
)
trial = Trial(digits(), epochs=4)
outcomes = {each.name: [trial.run(each, seed=0)] for each in entrants}
figure = learning(Comparison(entrants, outcomes, (0,)))

for name, (outcome,) in outcomes.items():
    print(f"{name}: accuracy {outcome.course.accuracy[-1]:.3f}")
