"""What stands around the package: citation, forms, workflow, container, links of top pages."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import amcspice

ROOT = Path(__file__).resolve().parents[1]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
TOP = sorted(path for path in ROOT.glob("*.md"))
TIERS = ("tests", "lint", "docs", "wheel", "second")


def test_the_citation_is_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "version", "date-released"} <= set(cited)
    assert cited["version"] == amcspice.__version__
    assert cited["license"] == "GPL-3.0-or-later"


def test_the_changelog_is_of_this_version():
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    versions = [heading.split()[0].strip("[]") for heading in headings]
    assert versions[0] == "Unreleased"
    assert versions[1] == amcspice.__version__
    assert versions[-1] == "0.1.0"
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert headings[1] == f"{amcspice.__version__} - {cited['date-released']}"
    kinds = {*re.findall(r"^### (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_forms_ask_for_what_doctor_prints():
    asked = [form for form in FORMS if form.name != "config.yml"]
    assert len(asked) == 2
    for path in asked:
        form = yaml.safe_load(path.read_text())
        assert {"name", "description", "body"} <= set(form)
        fields = {each["id"]: each for each in form["body"]}
        assert "amcspice doctor" in fields["doctor"]["attributes"]["label"]
        assert fields["doctor"]["validations"]["required"]


def test_the_workflow_runs_every_tier():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert tuple(job["strategy"]["matrix"]["tier"]) == TIERS
    assert ".ci/run ${{ matrix.tier }}" in [step.get("run") for step in job["steps"]]
    script = (ROOT / ".ci" / "run").read_text()
    assert f"tiers=({' '.join(TIERS)})" in script
    for tier in TIERS:
        assert re.search(rf"^{tier}\(\) {{", script, re.M)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)
    done = subprocess.run([ROOT / ".ci" / "run", "everything"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no tier 'everything'" in done.stderr


def test_the_container_runs_without_rights_what_was_compiled_in_another_stage():
    text = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] != "#"]
    assert {word for word, _ in steps} <= {
        "FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "ENTRYPOINT", "CMD"
    }  # fmt: skip
    images = [argument.split()[0] for word, argument in steps if word == "FROM"]
    assert len(images) == 2
    assert images[0] == images[1]  # the same C++ library
    for word, argument in steps:
        if word == "RUN":
            subprocess.run(["bash", "-n", "-c", argument], check=True)
            assert shlex.split(argument)
    users = [argument for word, argument in steps if word == "USER"]
    assert users
    assert users[-1] != "root"
    ignored = (ROOT / ".containerignore").read_text().split()
    assert {".git", ".venv", "build", "dist"} <= set(ignored)


def test_what_a_distribution_lacks_or_holds_is_told(tmp_path):
    check = runpy.run_path(str(ROOT / "scripts" / "check_dist.py"))
    files = {
        "amcspice/__init__.py", "amcspice/native/module.cpp", "models/opamp.lib", "tests/test_a.py"
    }  # fmt: skip
    packed = {
        "amcspice/__init__.py", "amcspice/models/opamp.lib", "amcspice/native/v2.so",
        "amcspice-1.dist-info/licenses/LICENSE",
    }  # fmt: skip
    wheel, source = tmp_path / "a.whl", tmp_path / "a.tar.gz"

    def faults_of_wheel(names):
        with zipfile.ZipFile(wheel, "w") as archive:
            for name in names:
                archive.writestr(name, "")
        return check["check_wheel"](wheel, files)

    def faults_of_source(names):
        with tarfile.open(source, "w:gz") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(f"amcspice-1/{name}"))
        return check["check_source"](source, files)

    assert faults_of_wheel(packed) == []
    assert faults_of_wheel(packed - {"amcspice/models/opamp.lib"}) == [
        "a.whl lacks amcspice/models/opamp.lib"
    ]
    assert faults_of_wheel({*packed, "tests/test_a.py"}) == ["a.whl holds tests/test_a.py"]
    assert faults_of_wheel(packed - {"amcspice/native/v2.so"}) == ["a.whl has no compiled code"]
    assert len(faults_of_wheel(["amcspice/__init__.py"])) == 3
    assert faults_of_source({*files, "PKG-INFO"}) == []
    assert faults_of_source({*files, "notes.txt"}) == ["a.tar.gz holds notes.txt"]
    assert faults_of_source(files - {"models/opamp.lib"}) == ["a.tar.gz lacks models/opamp.lib"]


def test_readme_is_short_and_its_caption_is_of_the_measured_table():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    (caption,) = re.findall(r"^\*A picture.*?\*$", text, re.M | re.S)
    count, analog, digital = re.search(
        r"(\d+) regressions.*?([\d.]+ dB), the digital twin ([\d.]+ dB)", caption, re.S
    ).groups()
    measured = (ROOT / "docs" / "accuracy.md").read_text()
    assert f"| PSNR | {analog} | {digital} |" in measured
    assert f"| regressions, all settled | {count} |" in measured


@pytest.mark.ngspice
def test_the_first_python_of_readme_prints_what_stands_below_it():
    """But for the last digits, in which versions of ngspice differ."""
    text = (ROOT / "README.md").read_text()
    assert text[: text.index("```python")].count("\n") < 30  # on the first screen
    code, shown = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.S).groups()
    assert len([line for line in code.splitlines() if line]) == 3
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    number = r"\d+\.\d*(?:e-\d+)?"
    assert re.sub(number, "#", printed.getvalue()) == re.sub(number, "#", shown)
    values = [
        [float(each) for each in re.findall(number, said)] for said in (printed.getvalue(), shown)
    ]
    assert values[0] == pytest.approx(values[1], rel=0.02)


@pytest.mark.parametrize("path", TOP, ids=lambda path: path.name)
def test_links_of_top_pages_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        if "://" not in target:
            assert (ROOT / target).exists(), target
