"""The explorer without a browser: what it answers, whom it refuses, and what its copies give."""

from __future__ import annotations

import gzip
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import refused, run

import amcspice as amc
from amcspice.errors import InputError
from amcspice.explore import Explorer, Session
from amcspice.explore.controls import CONTROLS, contents, fitting
from amcspice.explore.copies import command, python, toml
from amcspice.explore.figures import LEAST_SAMPLES, SHOWN, budget_of, figures_of
from amcspice.explore.server import MOST_BYTES
from amcspice.explore.session import MOST_ENTRIES
from amcspice.settings.table import PARAMETERS

ROWS = b"1,0.2\n0.3,0.8\n0.5,0.5\n"

STATES = {
    "start": {},
    "lstsq": {"problem": "lstsq", "signed": True, "ridge": 0.1, "columns": 4, "seed": 3},
    "inv": {"problem": "inv", "columns": 4, "condition": 20.0, "offset_sigma": 1e-3, "seed": 2},
    "mvm": {"problem": "mvm", "columns": 3, "adc_bits": 8, "levels": None, "problem_seed": 4},
    "eig": {"problem": "eig", "columns": 3, "wire_resistance": 0.0},
    "lasso": {"problem": "lasso", "columns": 3, "lasso": 0.05},
    "slewing": {"circuit": "ginv-classic", "slew_rate": None, "opamp": "ideal", "columns": 2},
}


@pytest.fixture
def session(tmp_path):
    return Session({}, tmp_path)


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    made = Explorer(Session({"columns": 4}, tmp_path_factory.mktemp("explorer")))
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    yield made
    made.close()
    thread.join(timeout=10)


def ask(explorer, path, body=None, **headers):
    """Return status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", explorer.port, timeout=60)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


# What is asked


def test_controls_are_parameters_and_every_stop_is_one_of_their_values():
    for name, control in CONTROLS.items():
        for stop in control.stops:
            assert PARAMETERS[name].convert(stop) == stop, name
        if all(isinstance(stop, float) for stop in control.stops):
            assert list(control.stops) == sorted({*control.stops}), name
    for problem, fits in contents()["problems"].items():
        assert fits["circuits"], problem
        assert fits["matrix"] in fits["matrices"], problem


def test_controls_of_other_problems_and_generators_do_not_count(session):
    told = session.ask({"problem": "mvm", "lasso": 0.5, "ridge": 0.1, "condition": 5.0}).told
    assert not told.keys() & {"lasso", "ridge", "condition"}
    assert "condition" in fitting("inv", "conditioned")
    assert session.ask({"problem": "lasso"}).told["lasso"] > 0


def test_what_was_said_first_stays_where_no_control_sets_it(tmp_path):
    session = Session({"drift_time": 10.0, "gbw": 1e7}, tmp_path)
    assert session.start == {"gbw": 1e7}
    experiment = session.ask({**session.start, "gbw": 2e7}).experiment
    assert (experiment["drift_time"], experiment["gbw"]) == (10.0, 2e7)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"cell_lib": "/etc/passwd"}, "no such control"),
        ({"matrix": "/etc/passwd.csv"}, "load it first"),
        ({"gbw": "fast"}, "gbw"),
        ({"problem": "nothing"}, "nothing"),
        ({"columns": 1000}, "entries"),
        ({"matrix": "dominant"}, "square"),
    ],
)
def test_what_cannot_be_asked_is_refused(session, state, message):
    with pytest.raises(InputError, match=message):
        session.ask(state)


def test_own_matrices(session):
    kept = session.keep("../../a b.csv", ROWS)
    assert kept == {"matrix": "a_b.csv", "rows": 3, "columns": 2}
    question = session.ask({"matrix": "a_b.csv", "columns": 9, "signed": True})
    assert question.own
    np.testing.assert_array_equal(
        question.experiment.matrix(), np.loadtxt(["1,.2", ".3,.8", ".5,.5"], delimiter=",")
    )
    with pytest.raises(InputError, match=r"^x\.csv"):
        session.keep("x.csv", b"1,2\nthree,4\n")
    with pytest.raises(InputError, match="no matrix file"):
        session.keep("x.exe", ROWS)
    with pytest.raises(InputError, match="4900 entries"):
        session.keep("large.csv", b"\n".join([b",".join([b"1"] * 70)] * 70))
    assert MOST_ENTRIES < 4900
    assert [path.name for path in session.folder.iterdir()] == ["a_b.csv"]
    long = session.keep("x" * 400 + ".csv", ROWS)["matrix"]
    assert session.ask({"matrix": long}).experiment["rows"] == 3


def test_own_matrices_change_neither_the_start_nor_the_file_that_was_named(tmp_path):
    folder, named = tmp_path / "kept", tmp_path / "named.csv"
    folder.mkdir()
    named.write_bytes(b"1,2\n3,4\n")
    session = Session({}, folder)
    before = session.start
    session.keep("a.csv", ROWS)
    assert session.start == before
    assert before["columns"] == 6
    session = Session({"matrix": "named.csv"}, folder)
    session._files["named.csv"] = named
    kept = session.keep("named.csv", ROWS)["matrix"]
    assert kept == "loaded-named.csv"
    assert session.ask({"matrix": kept}).experiment["rows"] == 3
    assert session.ask({"matrix": "named.csv"}).experiment["rows"] == 2


# Figures


def test_figures_are_those_of_solve(session):
    question = session.ask({**session.start, "write_noise": 0.03})
    found = figures_of(question)
    A = question.experiment.matrix()
    b = question.experiment.vectors(A)[:, 0]
    solved = amc.solve(
        "nnls", A, b, fidelity="behavioural", device="hfo2-16", opamp="onchip-1g", hold=True,
        wire_resistance=1.0, write_noise=0.03,
    )  # fmt: skip
    np.testing.assert_array_equal(found["x"], solved.x)
    assert found["settling_time"] == solved.settling_time
    assert found["power"]["total"] == solved.power["total"]
    assert sum(found["power"][k] for k in ("supply", "input")) == pytest.approx(
        found["power"]["total"]
    )


def test_writing_and_converters_stand_beside_what_the_circuit_takes(session):
    """As on a chip on which the same is programmed once."""
    question = session.ask({"problem": "inv", "columns": 3, "wire_resistance": 0.0})
    found = figures_of(question)
    posed = question.experiment.posed()
    chip = amc.Chip(question.experiment.hardware(), fidelity="behavioural")
    chip.program(posed.circuit.matrix, "inv", circuit=posed.circuit.name).run(posed.vectors)
    cost = chip.cost("typical")
    writing, operation = (found["chip"][name] for name in ("writing", "operation"))
    assert found["chip"]["technology"] == "typical"
    assert writing["time_s"] == pytest.approx(cost.time["write"], rel=1e-9)
    pulses = cost.energy["write_pulses"] + cost.energy["write_verify"]
    assert writing["energy_j"] == pytest.approx(pulses, rel=1e-6)
    assert operation["energy_j"] > found["energy"]
    assert operation["time_s"] > found["settling_time"]


@pytest.mark.parametrize("more", [{}, {"opamp": "ad8606"}, {"problem": "inv", "columns": 3}])
def test_waveforms_are_dense_and_end_past_settling(session, more):
    found = figures_of(session.ask({**session.start, **more}))
    shown = found["waveforms"]
    time, voltages = np.array(shown["time"]), np.array(shown["voltages"])
    assert time[-1] >= shown["until"] == pytest.approx(SHOWN * found["settling_time"])
    assert len(shown["names"]) == len(voltages) == len(found["x"])
    # Curves, no polygons: samples all along, and between them nothing moves by more than percents.
    assert len(time) >= LEAST_SAMPLES
    assert np.diff(time).max() <= 2.01 * shown["until"] / LEAST_SAMPLES
    assert np.abs(np.diff(voltages)).max() < 0.05 * np.abs(voltages).max()
    inside = np.abs(voltages[:, time > found["settling_time"]].T - shown["final"]) <= shown["band"]
    assert inside.all()


@pytest.mark.filterwarnings("ignore::amcspice.CautionWarning")
def test_what_never_rests_is_followed_for_a_bound_of_work_and_shown(session):
    """Two amplifiers that are too slow for this circuit: it rings for ever."""
    for columns in (6, 16):
        state = {"problem": "lasso", "circuit": "lca", "opamp": "ad8606", "columns": columns}
        question = session.ask({**session.start, **state})
        before = time.process_time()
        found = figures_of(question)
        assert time.process_time() - before < 20  # it was minutes; 0.3 s and 2 s on a quiet machine
        shown = found["waveforms"]
        assert not found["settled"]
        assert shown["until"] == pytest.approx(shown["time"][-1], rel=1e-6)
        assert len(shown["time"]) >= LEAST_SAMPLES
        assert f"most_steps={question.told['most_steps']}" in python(question)


def test_a_bound_of_work_that_was_said_stays(tmp_path):
    assert Session({"most_steps": 7}, tmp_path).ask({}).told["most_steps"] == 7
    reduced = Session({"fidelity": "reduced"}, tmp_path).ask({})
    assert "most_steps" not in reduced.told


def test_modes_are_those_of_the_slowest_output(session):
    """Without a constraint, the last of a step decays with the slowest mode."""
    found = figures_of(session.ask({"problem": "inv", "columns": 3, "opamp": "ideal"}))
    modes = found["modes"]
    assert modes["stable"]
    assert modes["slowest"] == pytest.approx(1 / np.abs(modes["rate"]).min())
    assert found["settling_time"] == pytest.approx(np.log(100) * modes["slowest"], rel=0.6)


def test_budget_is_that_of_the_library(session):
    question = session.ask({**session.start, "columns": 3})
    posed = question.experiment.posed()
    expected = amc.error_budget(posed.circuit, posed.vectors, form=posed.form)
    assert budget_of(question).to_json() == expected.to_json()


# Copies


def figures_in(text):
    """Return the numbers that a copied script prints."""
    lines = text.splitlines()
    number = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in lines}
    return {
        name: float(number[name])
        for name in ("relative error", "settling time [s]", "power [W]", "energy [J]")
    }


@pytest.mark.parametrize("state", STATES)
@pytest.mark.filterwarnings("ignore::amcspice.AccuracyWarning", "ignore::amcspice.CautionWarning")
def test_copied_python_and_command_give_the_figures(session, state, tmp_path, capsys):
    question = session.ask({**session.start, **STATES[state]})
    found = figures_of(question)
    exec(compile(python(question), "copied.py", "exec"), {})
    printed = figures_in(capsys.readouterr().out)
    assert printed["relative error"] == pytest.approx(found["relative_error"], rel=1e-12)
    assert printed["settling time [s]"] == pytest.approx(found["settling_time"], rel=1e-12)
    assert printed["power [W]"] == pytest.approx(found["power"]["total"], rel=1e-12)
    assert printed["energy [J]"] == pytest.approx(found["energy"], rel=1e-12)
    (tmp_path / "own.toml").write_text(toml(question))
    words = [word.strip("'") for word in command(question).split()[1:]]
    for line in (words, ["solve", found_problem(question), "--config", tmp_path / "own.toml"]):
        done = run(*line, "--json", tmp_path / "run.json")
        assert done.exit_code == 0, done.output
        solved = json.loads((tmp_path / "run.json").read_text())
        assert solved["relative_error"] == pytest.approx([found["relative_error"]], rel=1e-12)
        assert solved["settling_time_s"] == pytest.approx([found["settling_time"]], rel=1e-12)
        assert solved["power_w"]["total"] == pytest.approx([found["power"]["total"]], rel=1e-12)


def found_problem(question):
    return question.experiment["problem"]


def test_copies_of_an_own_matrix(session, tmp_path, monkeypatch, capsys):
    session.keep("mine.csv", ROWS)
    question = session.ask({**session.start, "matrix": "mine.csv"})
    found = figures_of(question)
    exec(compile(python(question), "copied.py", "exec"), {})
    assert figures_in(capsys.readouterr().out)["relative error"] == found["relative_error"]
    assert str(tmp_path) not in python(question) + command(question) + toml(question)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("mine.csv").write_bytes(ROWS)
    done = run(*command(question).split()[1:], "--json", "point.json")
    assert done.exit_code == 0, done.output
    metrics = json.loads(Path("point.json").read_text())["metrics"]
    assert metrics["settling_time_max_s"] == found["settling_time"]


# Whom it answers


def test_it_answers_this_machine_alone(explorer):
    port = explorer.port
    assert ask(explorer, "/")[0] == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        status, _, body = ask(explorer, "/contents", Host=host)
        assert (status, b"controls" in body) == (403, False), host
        assert ask(explorer, "/figures", b"{}", Host=host)[0] == 403
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}"):
        assert ask(explorer, "/figures", b"{}", Origin=origin)[0] == 403
    assert ask(explorer, "/figures", b"{}", Origin=f"http://127.0.0.1:{port}")[0] == 200
    assert ask(explorer, "/", Host=f"localhost:{port}")[0] == 200
    assert explorer._server.server_address[0] == "127.0.0.1"


def test_parts_of_the_page(explorer):
    for path in ("/", "/explore.css", "/explore.js", "/report.css", "/shared.js"):
        status, headers, body = ask(explorer, path)
        assert (status, bool(body)) == (200, True)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
    status, headers, body = ask(explorer, "/plotly.js")
    assert headers["Content-Encoding"] == "gzip"
    assert b"Plotly" in gzip.decompress(body)
    for name in amc.CIRCUITS:
        status, _, body = ask(explorer, f"/circuit/{name}.svg")
        assert (status, b"<svg" in body) == (200, True), name
    for path in ("/circuit/../../README.md", "/explore.py", "/circuit/nothing.svg", "/..%2f"):
        assert ask(explorer, path)[0] == 404


def test_a_head_is_an_answer_without_content(explorer):
    for path in ("/", "/plotly.js", "/contents", "/circuit/inv.svg", "/nothing"):
        status, headers, body = ask(explorer, path)
        connection = http.client.HTTPConnection("127.0.0.1", explorer.port, timeout=60)
        connection.request("HEAD", path)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (status, b"")
        assert answer.getheader("Content-Length") == headers["Content-Length"] == str(len(body))
        connection.request("GET", "/explore.css")  # on the same connection: nothing is left over
        assert connection.getresponse().read().startswith(ask(explorer, "/explore.css")[2][:20])
        connection.close()


def test_questions_over_http(explorer):
    status, _, body = ask(explorer, "/figures", json.dumps({"columns": 3}))
    assert status == 200
    assert len(json.loads(body)["x"]) == 3
    for body in (b"no json", b"[1]", b"[" * 100_000, b'{"columns": 1e308}', b'{"gbw": -1}'):
        status, _, answer = ask(explorer, "/figures", body)
        assert status == 422
        assert json.loads(answer)["error"]
    status, _, answer = ask(explorer, "/matrix?m.csv", ROWS)
    assert json.loads(answer)["rows"] == 3
    connection = http.client.HTTPConnection("127.0.0.1", explorer.port, timeout=60)
    connection.putrequest("POST", "/figures")
    connection.putheader("Content-Length", "5000000")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    status, _, answer = ask(explorer, "/matrix?m.csv", b"1," * (MOST_BYTES // 2 + 1))
    assert (status, "4,194,304" in json.loads(answer)["error"]) == (413, True)
    for length in (None, "-1", "x", "\u00b2", "9" * 5000):
        connection = http.client.HTTPConnection("127.0.0.1", explorer.port, timeout=60)
        connection.putrequest("POST", "/figures")
        if length is not None:
            connection.putheader("Content-Length", length)
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, "error" in json.loads(answer.read())) == (411, True)
        connection.close()
    assert ask(explorer, "/nothing", b"{}")[0] == 404


def test_a_fault_is_an_answer_too(explorer, monkeypatch):
    monkeypatch.setattr(explorer.session, "ask", lambda state: 1 / 0)
    status, _, answer = ask(explorer, "/figures", b"{}")
    assert status == 500
    assert json.loads(answer)["error"] == "internal error, ZeroDivisionError: division by zero"


def test_a_newer_question_ends_a_budget(explorer):
    answers = {}

    def budget():
        state = {"columns": 16, "device": "hfo2-16", "wire_resistance": 1.0}
        answers["budget"] = ask(explorer, "/budget", json.dumps(state))[2]

    thread = threading.Thread(target=budget)
    thread.start()
    while not explorer._computing.locked() and thread.is_alive():
        pass
    assert ask(explorer, "/figures", json.dumps({"columns": 2}))[0] == 200
    thread.join(timeout=60)
    assert json.loads(answers["budget"]) == {"superseded": True}
    _, _, body = ask(explorer, "/budget", json.dumps({"columns": 2}))
    assert json.loads(body)["relative_error"] > 0


# The command


def test_the_command_prints_its_address_and_ends_on_interrupt(tmp_path):
    words = ["explore", "lstsq", "--columns", "3", "--no-browser", "--port", "0"]
    command_line = [Path(sys.executable).with_name("amcspice"), *words]
    with subprocess.Popen(
        [*command_line, "--json", tmp_path / "where.json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        line = running.stdout.readline()
        where = json.loads((tmp_path / "where.json").read_text())
        connection = http.client.HTTPConnection("127.0.0.1", where["port"], timeout=60)
        connection.request("GET", "/contents")
        state = json.load(connection.getresponse())["state"]
        connection.close()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)
    assert where["address"] == f"http://127.0.0.1:{where['port']}/" == line.split()[0]
    assert (state["problem"], state["columns"]) == ("lstsq", 3)
    assert (running.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(run("explore", "--no-browser", "--port", port), f"port {port} cannot be had")


def test_what_cannot_be_begun_with_is_refused(tmp_path):
    refused(run("explore", "nothing", "--no-browser", "--port", 0), "nothing")
    refused(run("explore", "--matrix", tmp_path / "no.csv", "--port", 0, "--no-browser"), "no.csv")
    np.savetxt(tmp_path / "A.csv", np.eye(3) + 0.1, delimiter=",")
    np.savetxt(tmp_path / "b.csv", np.ones((3, 2)), delimiter=",")
    files = ("--matrix", tmp_path / "A.csv", "--rhs", tmp_path / "b.csv")
    refused(run("explore", *files, "--port", 0, "--no-browser"), "b.csv: 2 right-hand sides; the")
