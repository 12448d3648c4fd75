"""Every public name is documented with an example that runs."""

import doctest
import inspect

import pytest

import amcspice as amc

REGISTRIES = [name for name in amc.__all__ if isinstance(getattr(amc, name), type(amc.CIRCUITS))]
"""Values: doctest looks at modules, classes and functions only (`test_imports.py`)."""


def documentation(name):
    return inspect.getdoc(getattr(amc, name)) or ""


def test_no_name_is_without_an_example():
    parser = doctest.DocTestParser()
    assert [name for name in amc.__all__ if not parser.get_examples(documentation(name))] == []


def test_no_example_is_inherited():
    texts = [documentation(name) for name in amc.__all__]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", REGISTRIES)
def test_example_of_a_registry_runs(name):
    test = doctest.DocTestParser().get_doctest(documentation(name), {}, name, None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_each_parameter_of_a_class_is_described():
    """In its own documentation, or in that of a class that it is derived from."""
    for name in amc.__all__:
        found = getattr(amc, name)
        if inspect.isclass(found) and not issubclass(found, Exception):
            text = "".join(inspect.getdoc(base) or "" for base in found.__mro__)
            for parameter in inspect.signature(found).parameters.values():
                if parameter.kind is not parameter.VAR_KEYWORD:
                    assert parameter.name in text, f"{name}: {parameter}"
