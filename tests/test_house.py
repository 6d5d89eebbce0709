"""The house rules that a machine can check."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import lrsched
import lrsched.simulation
import lrsched.testing
from lrsched.core.schedule import Schedule

PACKAGE = Path(lrsched.__file__).parent
PURE_ROOMS = ("core", "schedules", "simulation", "formats", "report", "pictures")
IMPURE_MODULES = {"os", "io", "sqlite3", "logging", "time", "random", "pathlib", "subprocess", "socket", "tempfile"}
ALLOWED = {"pictures": {"io"}}  # an image is written into memory
LIBRARIES_OF_OTHER_ROOMS = ("numpy", "click", "rich", "sqlite3", "matplotlib", "plotext", "jinja2")

LAZY = (lrsched, lrsched.simulation, lrsched.testing)


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_pure_rooms_import_nothing_impure(room):
    modules = list((PACKAGE / room).rglob("*.py"))
    assert modules
    for module in modules:
        assert not (IMPURE_MODULES - ALLOWED.get(room, set())).intersection(_imported(module)), module


def test_importing_lrsched_imports_no_library_of_another_room():
    code = f"import sys, lrsched; print([name for name in {LIBRARIES_OF_OTHER_ROOMS} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_in_the_package_can_run_what_a_file_says():
    dangerous = {"eval", "exec", "compile", "__import__"}
    for module in PACKAGE.rglob("*.py"):
        if module.relative_to(PACKAGE).as_posix() == "config/execution.py":
            continue  # for those who ask for it
        tree = ast.parse(module.read_text(encoding="utf-8"))
        called = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not dangerous & called, module
        pickles = {"pickle", "marshal", "shelve"}.intersection(_imported(module))
        assert not pickles or "testing" in module.parts, module  # which reads back what it has just written itself


def _classes():
    for info in pkgutil.walk_packages(lrsched.__path__, "lrsched."):
        module = importlib.import_module(info.name)
        for _, found in inspect.getmembers(module, inspect.isclass):
            if found.__module__ == info.name:
                yield found


def test_every_schedule_is_abstract_or_final_and_frozen():
    schedules = [found for found in _classes() if issubclass(found, Schedule) and found is not Schedule]
    assert schedules
    for schedule in schedules:
        abstract = inspect.isabstract(schedule)
        assert abstract != getattr(schedule, "__final__", False), schedule
        if not abstract:
            assert attrs.has(schedule)
            value = object.__new__(schedule)
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(value, attrs.fields(schedule)[0].name, 1)


def test_every_public_class_of_the_core_is_abstract_or_final():
    found = [found for found in _classes() if found.__module__.startswith("lrsched.core.")]
    assert found
    for each in found:
        if not each.__name__.startswith("_"):
            assert inspect.isabstract(each) != getattr(each, "__final__", False), each
    assert Schedule.__call__.__final__  # so that a schedule is one function, called either way


def test_every_public_name_is_there_and_documented():
    for name in lrsched.__all__:
        assert inspect.getdoc(getattr(lrsched, name)), name


@pytest.mark.parametrize(
    "package", [lrsched, lrsched.simulation, lrsched.testing], ids=lambda package: package.__name__
)
def test_type_checkers_see_the_public_names_and_their_homes(package):
    tree = ast.parse(Path(f"{package.__file__}i").read_text(encoding="utf-8"))
    names = {
        alias.name: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert set(package.__all__) == set(names)
    for name, home in names.items():
        assert getattr(package, name) is getattr(importlib.import_module(home), name)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


def _functions(module):
    """All functions and methods that a module defines."""
    owners = [module, *(kind for kind in vars(module).values() if inspect.isclass(kind))]
    for owner in (owner for owner in owners if getattr(owner, "__module__", module.__name__) == module.__name__):
        for value in vars(owner).values():
            function = inspect.unwrap(getattr(value, "fget", None) or getattr(value, "__func__", value))
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                yield function


@pytest.mark.parametrize("room", ["core", "schedules"])
def test_each_parameter_can_be_given_by_its_name(room):
    modules = [importlib.import_module(f"lrsched.{room}.{path.stem}") for path in (PACKAGE / room).glob("*.py")]
    functions = [function for module in modules for function in _functions(module)]
    assert len(functions) > 50
    for function in functions:
        kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
        assert inspect.Parameter.POSITIONAL_ONLY not in kinds, function
