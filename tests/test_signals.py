"""Signals that end a run are never lost."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from amcspice.signals import terminable

LOSES_THE_FIRST = """
    import os, signal, time
    from amcspice.signals import Terminated, terminable

    class Finaliser:
        def __del__(self):
            os.kill(os.getpid(), signal.{name})
            time.sleep(0.2)  # the exception is raised here, where Python drops it
            print("not here")

    with terminable():
        try:
            Finaliser()
            time.sleep(20)
            print("lost")
        except ({error}) as error:
            print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("name", "error"), [("SIGTERM", "Terminated"), ("SIGINT", "KeyboardInterrupt")]
)
def test_signal_in_a_finaliser_is_raised_after_it(name, error):
    script = textwrap.dedent(LOSES_THE_FIRST.format(name=name, error=error))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == [error]
    assert done.stderr == ""


def test_other_errors_of_finalisers_are_still_shown():
    script = textwrap.dedent("""
        from amcspice.signals import terminable
        class Finaliser:
            def __del__(self):
                raise ValueError("seen")
        with terminable():
            Finaliser()
    """)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "seen" in done.stderr


def test_handlers_are_given_back():
    before, hook = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    with terminable():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
    assert sys.unraisablehook is hook


def test_terminated_leaves_with_its_exit_code():
    script = (
        "import os, signal, time\nfrom amcspice.signals import terminable\n"
        "with terminable():\n    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(20)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, check=False)
    assert done.returncode == 143
