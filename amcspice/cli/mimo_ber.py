"""``amcspice mimo ber``: bit-error rates of detection and precoding on a chip."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.parameter_options import GroupedCommand, decorate, given, parameter_options
from amcspice.cli.progress import progress
from amcspice.cli.quantity import si
from amcspice.cli.waveform_options import check_waveform_targets, plot_option
from amcspice.errors import InputError
from amcspice.schema import field_parameters
from amcspice.simulation.plain import plain_verification
from amcspice.simulation.provenance import versions_at
from amcspice.simulation.verification import Verification
from amcspice.workload.wireless import BitErrorStudy, Curve, link_costs
from amcspice.workload.wireless import modulation as named_modulation

__all__ = ["ber", "read_ratios"]

OWN = [each for each in field_parameters(BitErrorStudy) if each.name not in ("snr", "modulation")]
FIELDS = {each.name: each.fields[0][1] for each in OWN}

MOST_RATIOS = 1000


@click.command(
    cls=GroupedCommand,
    problem=BitErrorStudy.name,
    several=("snr", "modulation"),
    epilog="Example: amcspice mimo ber --modulation qpsk,16qam --snr 0:12:3 --write-noise 0.01 "
    "--plot ber.png",
)
@click.option(
    "--snr",
    default="0:22:2",
    show_default=True,
    metavar="LOW:HIGH:STEP",
    help="Signal-to-noise ratios in dB, or several with commas: power of all users together over "
    "noise, at one antenna.",
)
@click.option(
    "--modulation",
    default="64qam",
    show_default=True,
    metavar="NAMES",
    help="Gray QAM of 3GPP TS 38.211: qpsk, 16qam, 64qam, 256qam, or several with commas.",
)
@plot_option
@decorate(parameter_options(OWN))
@shared_options
def ber(snr: str, modulation: str, plot: Path | None, settings: Settings, **options: Any) -> None:
    """Count bit errors of many antennas, beside those of the digital twin.

    Every channel is programmed into a chip, and symbols are sent through it.  Circuits run at dc
    unless --fidelity says otherwise.  Rates have intervals of 95 %.
    """
    started = time.perf_counter()
    ratios, chosen = read_ratios(snr), given(options, FIELDS)
    named = {FIELDS[name]: value for name, value in chosen.items()}
    studies = {
        name: BitErrorStudy(modulation=named_modulation(name).name, **named)  # type: ignore[arg-type]
        for name in dict.fromkeys(word.strip() for word in modulation.split(","))
    }
    settings = settings if "fidelity" in settings.given else settings.at("dc")
    _check(studies, plot, settings)
    settings.write_config(problem=BitErrorStudy.name, snr=snr, modulation=modulation, **chosen)
    curves, contents, verifications = {}, {}, {}
    with progress(sum(study.channels for study in studies.values()), "channels") as advance:
        for name, study in studies.items():
            curves[name], verifications[name] = _run(study, ratios, settings, advance)
            contents[name] = _content(curves[name], verifications[name])
    for name, content in contents.items():
        if str(settings.json) != "-":
            _show(curves[name], content)
            if verifications[name] is not None:
                click.echo(str(verifications[name]))
        for sentence in content["cautions"]:
            click.echo(f"note: {name}: {sentence}", err=True)
    if plot is not None:
        _draw(curves, plot)
    provenance = {
        **versions_at(settings.analysis),
        "seed": settings.seed,
        "wall_time_s": time.perf_counter() - started,
    }
    settings.write_json(_together(contents) | {"provenance": provenance})
    for verification in verifications.values():
        settings.confirm(verification)
    if any(point.failed for curve in curves.values() for point in curve.points):
        click.get_current_context().exit(1)


def read_ratios(text: str) -> list[float]:
    """Return the signal-to-noise ratios of ``low:high:step``, both ends in it, or of a list.

    Raises
    ------
    InputError
        If they are none.
    """
    try:
        if ":" in text:
            low, high, step = (float(part) for part in text.split(":"))
            count = (high - low) / step
            if not 0 <= count < MOST_RATIOS:
                raise ValueError
            ratios = [low + step * k for k in range(int(count + 1e-9) + 1)]
        else:
            ratios = [float(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError):
        ratios = []
    if not ratios or not np.isfinite(ratios).all() or np.abs(ratios).max() > 100:
        raise InputError(
            f"--snr {text}: give low:high:step or values with commas, in dB, such as 0:22:2"
        )
    return ratios


def _check(studies: Mapping[str, BitErrorStudy], plot: Path | None, settings: Settings) -> None:
    """Refuse what does not fit, before any work."""
    for study in studies.values():
        study.link()
        study.plan(_circuit(settings))
    check_waveform_targets(None, plot)
    settings.check_surroundings()


def _circuit(settings: Settings) -> dict[str, Any]:
    chosen = {} if settings.circuit is None else {"circuit": settings.circuit}
    return chosen | settings.circuit_options


def _run(
    study: BitErrorStudy, ratios: list[float], settings: Settings, advance: Any
) -> tuple[Curve, Verification | None]:
    chip = settings.chip()
    # Settling and energy need a few operations of every channel, a verification as many as it asks.
    wanted = max(2 * study.channels, 2 * settings.verify.count)
    chip.cost_sample = -(-wanted // study.channels)
    curve = study.curve(
        chip, ratios, circuit=_circuit(settings), seed=settings.seed, progress=advance
    )
    return curve, chip.verify(settings.verify) if settings.verify.count else None


def _content(curve: Curve, verification: Verification | None) -> dict[str, Any]:
    cost = curve.chip.cost()
    return {
        **curve.to_json(),
        "writing": link_costs(curve, cost),
        "cautions": list(dict.fromkeys((*curve.cautions, *cost.cautions))),
        "ledger": curve.chip.ledger.to_json(),
        **plain_verification(verification),
    }


def _together(contents: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what the JSON holds: one curve as it is, several by their modulations."""
    if len(contents) == 1:
        return next(iter(contents.values()))
    cautions = [
        f"{name}: {said}" for name, content in contents.items() for said in content["cautions"]
    ]
    return {"curves": dict(contents), "cautions": cautions}


def _show(curve: Curve, content: Mapping[str, Any]) -> None:
    console, table = Console(highlight=False), Table(title=curve.link.title, title_justify="left")
    for name in ("dB", "bits", "errors", "BER", "from", "to", "digital", "chip EVM"):
        table.add_column(name, justify="right")
    for point in curve.points:
        rates = (point.analog.rate, *point.analog.interval())
        table.add_row(
            f"{point.snr_db:g}", str(sum(point.analog.bits)), str(sum(point.analog.errors)),
            *("-" if point.failed else f"{rate:.2g}" for rate in rates),
            f"{point.digital.rate:.2g}",
            "-" if point.failed else f"{point.evm('hardware'):.2%}",
        )  # fmt: skip
    console.print(table)
    writing = content["writing"]
    console.print(
        f"one writing: {si(writing['time_s'], 's')}, {si(writing['energy_j'], 'J')}, for "
        f"{writing['bits_a_writing']:.4g} bits; one operation: "
        f"{si(writing['operation']['time_s'], 's')}, {si(writing['operation']['energy_j'], 'J')}"
    )
    bit = writing["energy_per_bit_j"]
    if bit["counted"] is None:
        return
    console.print(
        f"energy of a bit: {si(bit['counted'], 'J')} with writing, {si(bit['ignored'], 'J')} "
        f"without, technology {writing['technology']}"
    )


def _draw(curves: Mapping[str, Curve], path: Path) -> None:
    from amcspice.view import save
    from amcspice.view.bit_errors import bit_error_curves

    save(bit_error_curves(curves), path)
