"""Write docs/images/circuit-<name>.svg: a drawing of every circuit, two rows and two columns.

Needs schemdraw (``pip install .[dev]``).  Lines that end in the same name are connected.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import schemdraw
import schemdraw.elements as elm

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
PITCH = 2.2
SUB = "₁₂₃"


def name(letter, *index):
    return letter + "".join(SUB[k] for k in index)


def line(d, *points):
    for a, b in pairwise(points):
        d += elm.Line().at(a).to(b)


def cell(d, x, y, label):
    """Draw a cell from a word line at height y to a bit line at x."""
    a, b = (x - 0.85, y), (x, y - 0.85)
    d += elm.Dot(radius=0.05).at(a)
    d += elm.Dot(radius=0.05).at(b)
    d += elm.RBox().at(a).to(b).scale(0.55)
    d += elm.Label().at((x - 0.95, y - 0.78)).label(label, fontsize=10, halign="center")


def bit_line(d, x, top, bottom, label, *, at_top=True):
    line(d, (x, top), (x, bottom))
    d += elm.Dot(open=True).at((x, top if at_top else bottom))
    place = (x, top + 0.35) if at_top else (x, bottom - 0.55)
    d += elm.Label().at(place).label(label, halign="center")


def array(d, x0, y0, rows, tops, *, letter="A", top=1.3, swap=False, to=None, left=""):
    """Draw a crossbar; ``rows`` are the heights of the word lines, ``tops`` names of bit lines.

    ``left`` is behind the names of the cells of the diagonal: what they lack.
    """
    bottom = rows[-1] - 1.1
    right = x0 + PITCH * (len(tops) - 1) + 0.5 if to is None else to
    for y in rows:
        line(d, (x0 - 1.3, y), (right, y))
    for j, label in enumerate(tops):
        x = x0 + j * PITCH
        if label is not None:
            bit_line(d, x, y0 + top, bottom, label)
        for i, y in enumerate(rows):
            index = (j, i) if swap else (i, j)
            cell(d, x, y, name(letter, *index) + (left if i == j else ""))
    return right


def injection(d, x, y, label):
    line(d, (x - 0.8, y), (x, y))
    d += elm.Arrowhead().at((x - 0.35, y)).right()
    d += elm.Label().at((x - 1.0, y - 0.1)).label(label, halign="right")


def amplifier(d, x, y, out, *, feedback=None, into_plus=False):
    """Draw an amplifier whose wired input is at (x, y), the other at ground; return its output."""
    amp = elm.Opamp(leads=False).theta(0).scale(0.62)
    d += (amp.flip().anchor("in2") if into_plus else amp.anchor("in1")).at((x, y))
    other = amp.in1 if into_plus else amp.in2
    line(d, other, (other[0] - 0.25, other[1]))
    d += elm.Ground().theta(0).at((other[0] - 0.25, other[1])).scale(0.6)
    end = (amp.out[0] + 0.5, amp.out[1])
    line(d, amp.out, end)
    if feedback is not None:
        up = y + 0.75
        line(d, (x - 0.3, y), (x - 0.3, up))
        d += elm.Dot(radius=0.05).at((x - 0.3, y))
        d += elm.RBox().at((x - 0.3, up)).to((end[0] - 0.1, up)).scale(0.55)
        d += elm.Label().at(((x + end[0]) / 2 - 0.2, up + 0.22)).label(feedback, fontsize=10)
        line(d, (end[0] - 0.1, up), (end[0] - 0.1, end[1]))
        d += elm.Dot(radius=0.05).at((end[0] - 0.1, end[1]))
    if out:
        d += elm.Dot(open=True).at(end)
        d += elm.Label().at((end[0] + 0.2, end[1] - 0.1)).label(out, halign="left")
    return amp, end


def inverter(d, x, y, out, resistors=("g", "g")):
    """Draw a resistor into an inverting amplifier, from (x, y)."""
    d += elm.RBox().at((x, y)).to((x + 1.3, y)).scale(0.55)
    d += elm.Label().at((x + 0.65, y + 0.25)).label(resistors[0], fontsize=10)
    line(d, (x + 1.3, y), (x + 2.0, y))
    return amplifier(d, x + 2.0, y, out, feedback=resistors[1])


def grounded(d, x, y, label):
    d += elm.Dot(radius=0.05).at((x, y))
    d += elm.RBox().at((x, y)).to((x, y - 1.0)).scale(0.55)
    d += elm.Ground().theta(0).at((x, y - 1.0)).scale(0.6)
    d += elm.Label().at((x + 0.25, y - 0.6)).label(label, fontsize=10, halign="left")


def mvm(d):
    rows = (0, -2.6)
    right = array(d, 0, 0, rows, ["u₁ = −x₁", "u₂ = −x₂"], top=1.0)
    for i, y in enumerate(rows):
        line(d, (right, y), (right + 0.9, y))
        amplifier(d, right + 0.9, y, name("y", i), feedback="g_f")


def inv(d, feedback=None):
    rows = (0, -2.6)
    right = array(d, 0, 0, rows, ["x₁", "x₂"], left=f" − {feedback}" if feedback else "")
    for i, y in enumerate(rows):
        injection(d, -1.3, y, "−" + name("b", i))
        line(d, (right, y), (right + 0.9, y))
        amplifier(d, right + 0.9, y, name("x", i), feedback=feedback)


def inv_compensated(d):
    right, rows = PITCH + 2.4, (0, -2.0, -4.6, -6.6)
    for j, label in enumerate(("x₁", "x₂")):
        bit_line(d, j * PITCH, 1.3, rows[-1] - 1.1, label)
    for k, y in enumerate(rows):
        i, letter = k // 2, "A⁻" if k % 2 else "A⁺"
        line(d, (-1.3, y), (right, y))
        for j in range(2):
            cell(d, j * PITCH, y, name(letter, i, j))
        grounded(d, PITCH + 1.0, y, ("c⁻" if k % 2 else "c⁺") + SUB[i])
        if not k % 2:
            injection(d, -1.3, y, "−" + name("b", i))
    for i in range(2):
        top, low = rows[2 * i], rows[2 * i + 1]
        middle = (top + low) / 2
        amp = elm.Opamp(leads=False).theta(0).scale(0.62)
        d += amp.anchor("in1").at((right + 0.7, middle + 0.4))
        line(d, (right, top), (right + 0.3, top), (right + 0.3, amp.in1[1]), amp.in1)
        line(d, (right, low), (right + 0.3, low), (right + 0.3, amp.in2[1]), amp.in2)
        end = (amp.out[0] + 0.5, amp.out[1])
        line(d, amp.out, end)
        d += elm.Dot(open=True).at(end)
        d += elm.Label().at((end[0] + 0.2, end[1] - 0.1)).label(name("x", i), halign="left")


def inv_inverters(d):
    rows = (0, -2.6)
    right = PITCH * 3 + 0.5
    for i, y in enumerate(rows):
        line(d, (-1.3, y), (right, y))
        for j in range(4):
            cell(d, j * PITCH, y, name("A⁻" if j > 1 else "A⁺", i, j % 2))
        injection(d, -1.3, y, "−" + name("b", i))
        line(d, (right, y), (right + 0.9, y))
        amplifier(d, right + 0.9, y, name("x", i))
    for j, label in enumerate(("x₁", "x₂", "n₁", "n₂")):
        bit_line(d, j * PITCH, 1.3, rows[-1] - 1.1, label)
    for j in range(2):
        x = -0.4 + 6.0 * j
        d += elm.Dot(open=True).at((x, -5.6))
        d += elm.Label().at((x - 0.25, -5.7)).label(name("x", j), halign="right")
        inverter(d, x, -5.6, name("n", j) + " = −" + name("x", j))


def inv_blocks(d):
    """Draw a line for every vector, a box for every circuit."""
    stages = ("p: A₁⁻¹", "w: A₃", "z: S⁻¹", "q: A₂", "y: A₁⁻¹")
    lefts, width = (1.9, 5.1, 9.9, 13.1, 17.9), 2.2
    for left, label in zip(lefts, stages, strict=True):
        right = left + width
        line(d, (left, 0.7), (right, 0.7), (right, -0.7), (left, -0.7), (left, 0.7))
        d += elm.Label().at((left + width / 2, -0.12)).label(label, halign="center")
    line(d, (4.1, 0), (5.1, 0))
    line(d, (12.1, 0), (13.1, 0))
    for left, start in ((1.9, 0.0), (9.9, 7.3), (17.9, 15.3)):
        d += elm.RBox().at((start + 0.3, 0)).to((left - 0.3, 0)).scale(0.55)
        line(d, (left - 0.3, 0), (left, 0))
        line(d, (start, 0), (start + 0.3, 0))
    terminal(d, 0, 0, "−f", left=True)
    line(d, (0, 0), (0, -1.8), (15.3, -1.8))
    d += elm.RBox().at((15.3, -1.8)).to((17.3, -1.8)).scale(0.55)
    line(d, (17.3, -1.8), (17.6, -1.8), (17.6, 0))
    terminal(d, 7.3, 1.8, "g", left=True)
    d += elm.RBox().at((7.3, 1.8)).to((9.3, 1.8)).scale(0.55)
    line(d, (9.3, 1.8), (9.6, 1.8), (9.6, 0))
    for at in ((0, 0), (9.6, 0), (12.6, 0), (17.6, 0)):
        d += elm.Dot(radius=0.05).at(at)
    line(d, (12.6, 0), (12.6, 1.8), (13.6, 1.8))
    terminal(d, 13.6, 1.8, "−z")
    line(d, (20.1, 0), (20.9, 0))
    terminal(d, 20.9, 0, "y")


def chain(d):
    """Draw a line for every vector, a box for every circuit, of all three in a row."""
    for left, label in ((1.0, "z: A'"), (6.2, "(A'A)⁻¹"), (9.6, "A")):
        right = left + 2.2
        line(d, (left, 0.7), (right, 0.7), (right, -0.7), (left, -0.7), (left, 0.7))
        d += elm.Label().at((left + 1.1, -0.12)).label(label, halign="center")
    terminal(d, 0, 0, "b", left=True)
    line(d, (0, 0), (1.0, 0))
    line(d, (3.2, 0), (3.8, 0))
    d += elm.RBox().at((3.8, 0)).to((5.6, 0)).scale(0.55)
    d += elm.Label().at((4.7, 0.35)).label("g_in", fontsize=10)
    line(d, (5.6, 0), (6.2, 0))
    line(d, (8.4, 0), (9.6, 0))
    line(d, (11.8, 0), (12.6, 0))
    terminal(d, 12.6, 0, "x")


def ginv_classic(d, entered="rows"):
    """Draw both arrays; b enters the rows, or the columns of the second one (ginv-right)."""
    rows, by_rows = (0, -2.6), entered == "rows"
    right = array(d, 0, 0, rows, ["x₁", "x₂"] if by_rows else ["y₁", "y₂"])
    start = right + 5.4
    for i, y in enumerate(rows):
        if by_rows:
            injection(d, -1.3, y, "−" + name("b", i))
        line(d, (right, y), (right + 0.9, y))
        _, end = amplifier(d, right + 0.9, y, None, feedback="g_f")
        label = name("r" if by_rows else "x", i)
        d += elm.Label().at((end[0] + 0.2, end[1] + 0.25)).label(label)
        line(d, end, (start - 2.0, end[1]), (start - 2.0, y), (start - 1.3, y))
    array(d, start, 0, rows, [None, None], letter="A")
    for j in range(2):
        x = start + j * PITCH
        line(d, (x, 0), (x, -4.4))
        drop = -4.4 - 1.7 * (1 - j)
        line(d, (x, -4.4), (x, drop), (start + PITCH + 1.2, drop))
        if not by_rows:
            injection(d, start, drop, "−" + name("b", j))
            line(d, (start, drop), (x, drop))
        amplifier(d, start + PITCH + 1.2, drop, name("x" if by_rows else "y", j), into_plus=True)


def ginv_compact(d):
    rows = (0, -2.6)
    start = 2 * PITCH + 1.6
    array(d, 0, 0, rows, ["x₁", "x₂"])
    array(d, start, 0, rows, [None, None], to=start + PITCH + 2.2)
    for i, y in enumerate(rows):
        injection(d, -1.3, y, "−" + name("b", i))
        line(d, (PITCH + 0.5, y), (start - 1.3, y))
        d += elm.Label().at((PITCH + 1.2, y + 0.2)).label(name("v", i), fontsize=10)
        grounded(d, start + PITCH + 1.2, y, name("c", i))
    for j in range(2):
        x = start + j * PITCH
        drop = -4.9 - 1.7 * (1 - j)
        line(d, (x, 0), (x, drop), (start + PITCH + 1.6, drop))
        d += elm.Label().at((x + 0.3, -4.5)).label(name("u", j), fontsize=10)
        amplifier(d, start + PITCH + 1.6, drop, name("x", j))


def lca(d):
    """Draw both arrays with the integrators, and one soft threshold of the two."""
    rows = (0, -2.6)
    right = array(d, 0, 0, rows, ["x₁", "x₂"])
    start = right + 5.4
    for i, y in enumerate(rows):
        injection(d, -1.3, y, "−" + name("b", i))
        line(d, (right, y), (right + 0.9, y))
        _, end = amplifier(d, right + 0.9, y, None, feedback="g_f")
        d += elm.Label().at((end[0] + 0.2, end[1] + 0.25)).label(name("r", i))
        line(d, end, (start - 2.0, end[1]), (start - 2.0, y), (start - 1.3, y))
    array(d, start, 0, rows, [None, None], letter="A")
    for j in range(2):
        x, drop = start + j * PITCH, -4.4 - 2.4 * (1 - j)
        at = start + PITCH + 3.4
        line(d, (x, 0), (x, drop), (at, drop))
        amp = elm.Opamp(leads=False).theta(0).scale(0.62)
        d += amp.flip().anchor("in2").at((at, drop))
        low = amp.in1
        terminal(d, at - 2.4, low[1] - 0.35, name("c", j), left=True)
        line(d, (at - 2.4, low[1] - 0.35), (at - 2.1, low[1] - 0.35))
        d += elm.RBox().at((at - 2.1, low[1] - 0.35)).to((at - 0.9, low[1] - 0.35)).scale(0.55)
        d += elm.Label().at((at - 1.5, low[1] - 0.95)).label("g_c", fontsize=10)
        line(d, (at - 0.9, low[1] - 0.35), (at - 0.4, low[1] - 0.35), (at - 0.4, low[1]), low)
        line(d, amp.out, (amp.out[0] + 0.5, amp.out[1]))
        terminal(d, amp.out[0] + 0.5, amp.out[1], name("u", j))
    soft_threshold(d, -0.8, -9.2)


def soft_threshold(d, x, y):
    """Draw a clamped buffer and a difference amplifier, from (x, y)."""
    terminal(d, x, y, "u₁", left=True)
    buffer = elm.Opamp(leads=False).theta(0).scale(0.62).flip()
    line(d, (x, y), (x + 1.2, y))
    d += buffer.anchor("in2").at((x + 1.2, y))
    end = (buffer.out[0] + 0.5, buffer.out[1])
    low = buffer.in1
    line(d, buffer.out, end)
    line(d, end, (end[0], low[1] - 0.7), (low[0] - 0.3, low[1] - 0.7), (low[0] - 0.3, low[1]), low)
    d += elm.Label().at((x + 1.9, y + 0.45)).label("±V", fontsize=11)
    d += elm.Dot(radius=0.05).at(end)
    d += elm.Label().at((end[0] + 0.15, end[1] + 0.2)).label("c₁", halign="left")
    left = end[0] + 1.2
    difference = elm.Opamp(leads=False).theta(0).scale(0.62)
    d += difference.anchor("in1").at((left + 2.0, end[1]))
    minus, plus, out = difference.in1, difference.in2, difference.out
    line(d, end, (left, end[1]))
    d += elm.RBox().at((left, end[1])).to((left + 1.3, end[1])).scale(0.55)
    line(d, (left + 1.3, end[1]), minus)
    line(d, (minus[0] - 0.3, minus[1]), (minus[0] - 0.3, minus[1] + 0.8))
    d += elm.Dot(radius=0.05).at((minus[0] - 0.3, minus[1]))
    over = minus[1] + 0.8
    d += elm.RBox().at((minus[0] - 0.3, over)).to((out[0] + 0.3, over)).scale(0.55)
    line(d, (out[0] + 0.3, over), (out[0] + 0.3, out[1]))
    line(d, out, (out[0] + 0.6, out[1]))
    terminal(d, out[0] + 0.6, out[1], "x₁ = u₁ − c₁")
    below = plus[1] - 1.1
    line(d, (x + 0.5, y), (x + 0.5, below), (left, below))
    d += elm.Dot(radius=0.05).at((x + 0.5, y))
    d += elm.RBox().at((left, below)).to((left + 1.3, below)).scale(0.55)
    line(d, (left + 1.3, below), (plus[0] - 0.3, below), (plus[0] - 0.3, plus[1]), plus)
    grounded(d, plus[0] - 0.3, below, "g")


def eigen(d):
    rows = (0, -3.0)
    right = array(d, 0, 0, rows, ["x₁", "x₂"])
    for i, y in enumerate(rows):
        injection(d, -1.3, y, "start")
        line(d, (right, y), (right + 0.9, y))
        _, end = amplifier(d, right + 0.9, y, None, feedback="g_λ")
        d += elm.Label().at((end[0] + 0.15, end[1] + 0.25)).label(name("r", i))
        inverter(d, end[0] + 0.5, end[1], name("x", i), ("g", "g / 1.25"))
        line(d, end, (end[0] + 0.5, end[1]))


def switch(d, a, b, label):
    """Draw a switch; the label stands above it, or beside it if it is upright."""
    d += elm.Switch().at(a).to(b).scale(0.7)
    middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    upright = a[0] == b[0]
    at = (middle[0] + 0.35, middle[1] - 0.1) if upright else (middle[0], middle[1] + 0.42)
    d += elm.Label().at(at).label(label, fontsize=9, halign="left" if upright else "center")


def to_ground(d, x, y, label):
    """Draw a switch from (x, y) down to ground."""
    d += elm.Dot(radius=0.05).at((x, y))
    switch(d, (x, y), (x, y - 1.5), label)
    d += elm.Ground().theta(0).at((x, y - 1.5)).scale(0.6)


def terminal(d, x, y, label, *, left=False):
    d += elm.Dot(open=True).at((x, y))
    at = (x - 0.2, y - 0.1) if left else (x + 0.2, y - 0.1)
    d += elm.Label().at(at).label(label, halign="right" if left else "left", fontsize=11)


def macro(d):
    """Draw one word line and one bit line of each array, with every switch."""
    # Array 1 and amplifier R.
    for k, (target, mode) in enumerate((("input u", "mvm"), ("R out", "inv"),
                                        ("X out", "ginv, eigen"))):  # fmt: skip
        y = 3.6 - 1.1 * k
        terminal(d, -2.8, y, target, left=True)
        switch(d, (-2.8, y), (-0.9, y), mode)
        line(d, (-0.9, y), (0, y))
    line(d, (0, 3.6), (0, -1.3))
    terminal(d, -2.8, 0, "−b", left=True)
    line(d, (-2.8, 0), (3.4, 0))
    cell(d, 0, 0, "A")
    _, end = amplifier(d, 3.4, 0, None)
    d += elm.Label().at((4.15, -0.5)).label("R", fontsize=11)
    for k, (branch, mode) in enumerate((("g_f", "mvm, ginv"), ("g_λ", "eigen"))):
        up = 1.0 + 1.2 * k
        line(d, (2.0, up - 1.2 if k else 0), (2.0, up))
        d += elm.RBox().at((2.0, up)).to((3.4, up)).scale(0.55)
        d += elm.Label().at((2.7, up + 0.25)).label(branch, fontsize=10)
        switch(d, (3.4, up), (5.6, up), mode)
        line(d, (5.6, up), (5.6, up - 1.2 if k else end[1]))
    line(d, end, (6.0, end[1]))
    terminal(d, 6.0, end[1], "R out")
    # Array 2.
    terminal(d, 10.0, 2.0, "R out", left=True)
    switch(d, (10.0, 2.0), (12.0, 2.0), "ginv")
    line(d, (12.0, 2.0), (15.2, 2.0))
    to_ground(d, 12.2, 2.0, "others")
    cell(d, 14.8, 2.0, "A")
    line(d, (14.8, 3.0), (14.8, -1.4), (15.6, -1.4))
    to_ground(d, 14.8, -1.4, "others")
    switch(d, (15.6, -1.4), (17.4, -1.4), "ginv")
    terminal(d, 17.4, -1.4, "X in+")
    # Amplifier X and its inverter.
    amp = elm.Opamp(leads=False).theta(0).scale(0.62)
    d += amp.anchor("in1").at((25.0, 1.0))
    minus, plus = amp.in1, amp.in2
    terminal(d, 20.6, 1.0, "R out", left=True)
    switch(d, (20.6, 1.0), (22.4, 1.0), "eigen")
    d += elm.RBox().at((22.4, 1.0)).to((23.6, 1.0)).scale(0.55)
    d += elm.Label().at((23.0, 1.25)).label("g", fontsize=10)
    line(d, (23.6, 1.0), minus)
    to_ground(d, 23.7, 1.0, "ginv")
    line(d, plus, (24.7, plus[1]), (24.7, -1.6))
    to_ground(d, 24.7, -1.6, "eigen")
    terminal(d, 23.6, -1.6, "X in+", left=True)
    line(d, (23.6, -1.6), (24.7, -1.6))
    line(d, (24.4, 1.0), (24.4, 2.2))
    d += elm.Dot(radius=0.05).at((24.4, 1.0))
    d += elm.RBox().at((24.4, 2.2)).to((25.7, 2.2)).scale(0.55)
    d += elm.Label().at((25.05, 2.45)).label("g / 1.25", fontsize=10)
    switch(d, (25.7, 2.2), (27.4, 2.2), "eigen")
    line(d, (27.4, 2.2), (27.4, amp.out[1]))
    line(d, amp.out, (27.8, amp.out[1]))
    terminal(d, 27.8, amp.out[1], "X out")
    d += elm.Label().at((25.75, 0.5)).label("X", fontsize=11)


DRAWINGS = {
    "mvm": mvm,
    "inv": inv,
    "inv-fixed": partial(inv, feedback="c"),
    "inv-compensated": inv_compensated,
    "inv-inverters": inv_inverters,
    "inv-blocks": inv_blocks,
    "chain": chain,
    "ginv-classic": ginv_classic,
    "ginv-compact": ginv_compact,
    "ginv-right": partial(ginv_classic, entered="columns"),
    "lca": lca,
    "eigen": eigen,
    "macro": macro,
}


def draw(which, path):
    """Write one drawing; the ending chooses the form (.svg, or .png with matplotlib)."""
    schemdraw.use("matplotlib" if path.suffix == ".png" else "svg")
    with schemdraw.Drawing(show=False) as d:
        d.config(unit=1.5, fontsize=12, lw=1.3, bgcolor="white")
        DRAWINGS[which](d)
        d.save(str(path), dpi=90)


if __name__ == "__main__":
    for which in DRAWINGS:
        draw(which, FOLDER / f"circuit-{which}.svg")
