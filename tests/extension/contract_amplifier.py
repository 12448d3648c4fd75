"""The amplifier passes what every amplifier must; and its source stands in every run."""

import amcspice as amc
from amcspice.contract import check_amplifier

AMPLIFIER = amc.OpAmp.preset("invented")


def test_it_passes_what_every_amplifier_must():
    check_amplifier(AMPLIFIER)


def test_runs_say_where_its_figures_are_from():
    run = amc.simulate(amc.INV([[2.0, 1.0], [1.0, 3.0]], opamp=AMPLIFIER), [3.0, 5.0])
    assert run.provenance["circuit"]["opamp"]["source"] == "invented"
