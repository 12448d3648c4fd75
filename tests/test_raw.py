"""Raw files: headers as both versions write them, bodies whose values are known."""

import struct

import numpy as np
import pytest

import amcspice as amc
from amcspice.engine.ngspice.rawfile import normalise, read_raw

# Headers copied from files that ngspice 39.3 and 46 wrote.
COMMAND = {"39": b"", "46": b"Command: ngspice-46, Build Wed Apr 15 15:18:29 UTC 2026\n"}

OPERATING_POINT = (
    b"Title: * two plots\nDate: Sun Nov 22 04:56:24  2026\n%sPlotname: Operating Point\n"
    b"Flags: real\nNo. Variables: 2\nNo. Points: 1       \n"
    b"Variables:\n\t0\tv(out)\tvoltage\n\t1\ti(v1)\tcurrent\nBinary:\n"
)
TRANSIENT = (
    b"Title: * two plots\nDate: Sun Nov 22 04:56:24  2026\n%sPlotname: Transient Analysis\n"
    b"Flags: real\nNo. Variables: 3\nNo. Points: 3       \n"
    b"Variables:\n\t0\ttime\ttime\n\t1\tv(out)\tvoltage\n\t2\ti(v1)\tcurrent\nBinary:\n"
)
AC = (
    b"Title: * complex\nDate: Sun Nov 22 04:56:24  2026\n%sPlotname: AC Analysis\n"
    b"Flags: complex\nNo. Variables: 2\nNo. Points: 3       \n"
    b"Variables:\n\t0\tfrequency\tfrequency\tgrid=3\n\t1\tv(out)\tvoltage\nBinary:\n"
)
TABLE = np.array([[0.0, 0.0, -1e-3], [1e-6, 0.5, -5e-4], [2e-6, 0.75, -2.5e-4]])
# The body of one value may hold any byte, line ends and "Binary:" included.
TRICKY = struct.unpack("<d", b"\nBinary:")[0]


def body(values):
    flat = np.ravel(values)
    return struct.pack(f"<{len(flat)}d", *flat)


@pytest.fixture(params=["39", "46"])
def command(request):
    return COMMAND[request.param]


@pytest.fixture
def write(tmp_path):
    def write_bytes(content):
        path = tmp_path / "out.raw"
        path.write_bytes(content)
        return path

    return write_bytes


def test_transient(command, write):
    (plot,) = read_raw(write(TRANSIENT % command + body(TABLE)))
    assert plot.name == "Transient Analysis"
    assert list(plot.vectors) == ["time", "out", "v1#branch"]
    for column, values in enumerate(plot.vectors.values()):
        np.testing.assert_array_equal(values, TABLE[:, column])


def test_two_plots(command, write):
    content = (
        OPERATING_POINT % command
        + body([TRICKY, -2e-3])
        + TRANSIENT % command
        + body(np.where(TABLE == 0.5, TRICKY, TABLE))
    )
    first, second = read_raw(write(content))
    assert first.vectors == {"out": [TRICKY], "v1#branch": [-2e-3]}
    assert second.vectors["out"][1] == TRICKY
    assert second.vectors["time"][-1] == 2e-6


def test_complex(command, write):
    values = np.array([[1e4, 0.9 - 0.1j], [1e5, 0.5 - 0.5j], [1e6, 1e-2 - 0.1j]])
    (plot,) = read_raw(write(AC % command + values.astype("<c16").tobytes()))
    np.testing.assert_array_equal(plot.vectors["out"], values[:, 1])
    np.testing.assert_array_equal(plot.vectors["frequency"].real, [1e4, 1e5, 1e6])


@pytest.mark.parametrize("cut", [1, 8, 71])
def test_truncated_body(cut, write):
    content = TRANSIENT % b"" + body(TABLE)
    with pytest.raises(amc.SimulationError, match=r"out\.raw is truncated"):
        read_raw(write(content[:-cut]))


@pytest.mark.parametrize("length", [10, 100, 180])
def test_truncated_header(length, write):
    with pytest.raises(amc.SimulationError, match="not a complete raw file"):
        read_raw(write((TRANSIENT % b"")[:length]))


def test_second_plot_truncated(write):
    content = OPERATING_POINT % b"" + body([1.0, 2.0]) + TRANSIENT % b"" + body(TABLE)[:-3]
    with pytest.raises(amc.SimulationError, match="truncated"):
        read_raw(write(content))


def values(table):
    """Return the body of an ASCII file: numbered rows, complex values with a comma."""
    words = [
        f"{z.real!r},{z.imag!r}" if np.iscomplexobj(table) else repr(z)
        for z in table.ravel().tolist()
    ]
    rows = [words[k : k + table.shape[1]] for k in range(0, len(words), table.shape[1])]
    return "".join(f"{k}\t\t" + "\n\t".join(row) + "\n" for k, row in enumerate(rows)).encode()


def test_ascii(command, write):
    spectrum = np.array([[1e4, 0.9 - 0.1j], [1e5, 0.5 - 0.5j], [1e6, 1e-2 - 0.1j]])
    content = AC % command + values(spectrum) + TRANSIENT % command + values(TABLE)
    ac, transient = read_raw(write(content.replace(b"Binary:", b"Values:")))
    np.testing.assert_array_equal(ac.vectors["out"], spectrum[:, 1])
    np.testing.assert_array_equal(np.stack([*transient.vectors.values()], axis=1), TABLE)


@pytest.mark.parametrize("cut", [10, 40])
def test_truncated_ascii(cut, write):
    content = (TRANSIENT % b"").replace(b"Binary:", b"Values:") + values(TABLE)
    with pytest.raises(amc.SimulationError, match=r"out\.raw is truncated"):
        read_raw(write(content[:-cut]))


@pytest.mark.ngspice
@pytest.mark.parametrize("filetype", ["ascii", "binary"])
def test_both_kinds_hold_the_same(batch, filetype):
    deck = (
        "* low pass\nV1 in 0 PULSE(0 1 1u 1n 1n 1 2) AC 1\nR1 in out 1k\nC1 out 0 1n\n"
        f".ac lin 3 1e5 3e5\n.tran 10n 20u\n.options filetype={filetype}\n.end\n"
    )
    plots, _ = batch.run_text(deck)
    by_name = {plot.name: plot.vectors for plot in plots}
    frequency = by_name["AC Analysis"]["frequency"].real
    expected = 1 / (1 + 2j * np.pi * frequency * 1e-6)
    np.testing.assert_allclose(by_name["AC Analysis"]["out"], expected, rtol=1e-9)
    assert by_name["Transient Analysis"]["out"][-1] == pytest.approx(1 - np.exp(-19), abs=1e-6)


@pytest.mark.parametrize("key", [b"No. Points: 3       \n", b"No. Points: 3"])
def test_header_without_a_count(key, write):
    content = (TRANSIENT % b"").replace(key, b"No. Points: x" if key.endswith(b"3") else b"")
    with pytest.raises(amc.SimulationError, match="not a complete raw file"):
        read_raw(write(content + body(TABLE)))


def test_missing_and_empty(tmp_path, write):
    with pytest.raises(amc.SimulationError, match=r"no raw file was written \(No such file"):
        read_raw(tmp_path / "absent.raw")
    assert read_raw(write(b"")) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("V(X0)", "x0"),
        ("v(x0)", "x0"),
        ("x0", "x0"),
        ("i(V1)", "v1#branch"),
        ("vvdd#branch", "vvdd#branch"),
        ("time", "time"),
        ("v(a1w0_3)", "a1w0_3"),
    ],
)
def test_names_are_normalised(name, expected):
    assert normalise(name) == expected


@pytest.mark.ngspice
def test_what_the_installed_ngspice_writes(batch):
    deck = """* RC low pass
V1 in 0 PULSE(0 1 0 1e-12 1e-12 1 2) AC 1
R1 in out 1000
C1 out 0 1e-9
.options reltol=1e-6
.ac lin 3 1e5 3e5
.tran 1e-8 5e-6 0 1e-8 uic
.end
"""
    plots, log = batch.run_text(deck)
    by_name = {plot.name: plot.vectors for plot in plots}
    ac, transient = by_name["AC Analysis"], by_name["Transient Analysis"]
    frequency = ac["frequency"].real
    np.testing.assert_allclose(frequency, [1e5, 2e5, 3e5])
    np.testing.assert_allclose(ac["out"], 1 / (1 + 2j * np.pi * frequency * 1e-6), rtol=1e-9)
    time = transient["time"]
    np.testing.assert_allclose(transient["out"], 1 - np.exp(-time / 1e-6), atol=1e-4)
    late = time > 1e-9
    current = -np.exp(-time[late] / 1e-6) / 1e3
    np.testing.assert_allclose(transient["v1#branch"][late], current, atol=1e-6)
    assert "Circuit: * rc low pass" in log.lower().replace("circuit:", "Circuit:")


def test_a_title_says_nothing_of_the_numbers(tmp_path):
    head = "Title: complex load\nPlotname: T\nFlags: real\nNo. Variables: 1\nNo. Points: 2\n"
    body = np.array([1.0, 2.0], "<f8").tobytes()
    path = tmp_path / "r.raw"
    path.write_bytes((head + "Variables:\n\t0\ttime\ttime\nBinary:\n").encode() + body)
    (plot,) = read_raw(path)
    assert plot.vectors["time"].dtype == float
    assert plot.vectors["time"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["i(@r1[i])", "I(@m.x1.m1[id])"])
def test_currents_of_devices_keep_their_names(name):
    assert normalise(name) == name[2:-1].lower()
