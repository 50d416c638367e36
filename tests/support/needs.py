"""What a test needs beyond Python, told from its own code and that of its fixtures.

A test that starts neither Java nor a browser, nor a service as a process, nor a program of the
system is marked `unit`. Nobody keeps a list: the code is followed through all functions and
classes of the tests and benchmarks that it names. What the code does not show is caught as the
test runs: a marked test fails when it starts one all the same.
"""

from __future__ import annotations

import inspect
import os
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from framelog_local import artifacts, system_packages
from framelog_local.venvs import java_of
from playwright.sync_api import sync_playwright

from tests.support.processes import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Code that names one of these runs Java, a browser, or a service as a process.
_STARTERS = frozenset(map(id, (artifacts.ensure, java_of, sync_playwright, Process)))
# Code that has one of these strings runs that program.
_PROGRAMS = system_packages.TOOLS.keys() | system_packages.ENGINE.keys()


# Whose code is followed.
_OURS = ("tests.", "bench.")
# What Python reports before it starts a program, the program being the first argument.
_STARTS = frozenset({"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"})


_CHECKOUT = Path(__file__).parents[2]
# Who has cloned this and typed `make` has these.
_EVERYWHERE = frozenset({"git", "make"})


class _Guard:
    """An audit hook that fails the test which starts a program that has to be installed."""

    def __init__(self) -> None:
        self.is_on = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on or event not in _STARTS:
            return
        program = Path(os.fsdecode(arguments[0]))
        if not _is_there(program):
            pytest.fail(f"a test that is marked 'unit' starts {program}; see {__name__}")


def _is_there(program: Path) -> bool:
    """Whether a program is Python, of its packages, everywhere, or made by the test."""
    return (
        program.name.startswith("python")
        or program.name in _EVERYWHERE
        or program.parent == Path(sys.prefix) / "bin"
        # A checkout, with what is installed in it, may lie in the temporary folder itself.
        or (program.is_relative_to(gettempdir()) and not program.is_relative_to(_CHECKOUT))
    )


@cache
def _guard() -> _Guard:
    guard = _Guard()
    sys.addaudithook(guard)  # which stays for good
    return guard


@contextmanager
def nothing_installed() -> Iterator[None]:
    """Within, in any thread: fail what starts a program that has to be installed."""
    guard = _guard()
    guard.is_on = True
    try:
        yield
    finally:
        guard.is_on = False


def is_unit(item: pytest.Item) -> bool:
    """Whether the test needs nothing but Python and its packages.

    A case of a test that asks for the broker by its parameter has the mark `cluster`.
    """
    if not isinstance(item, pytest.Function) or item.get_closest_marker("cluster"):
        return False
    return not any(starts(function) for function in _functions(item))


def _functions(item: pytest.Function) -> Iterator[Any]:
    """Give the test's function and those of its fixtures."""
    yield item.function
    for name, definitions in item._fixtureinfo.name2fixturedefs.items():
        for definition in reversed(definitions):
            yield definition.func
            if name not in definition.argnames:  # it stands in for what it overrides
                break


@cache
def starts(function: Callable[..., object]) -> bool:
    """Whether what a function leads to starts something."""
    seen: set[int] = set()
    left: list[object] = [inspect.unwrap(function)]
    while left:
        current = left.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        by_itself, named = _leads(current)
        if by_itself:
            return True
        left += named
    return False


@cache
def _leads(to: object) -> tuple[bool, tuple[object, ...]]:
    """Return whether this starts something by itself, and the functions and classes it names."""
    if id(to) in _STARTERS:
        return True, ()
    named: list[object] = []
    for function in _members(to):
        for code in _nested(function.__code__):
            if _PROGRAMS.intersection(_strings(code.co_consts)):
                return True, ()
            named += _named(code, function.__globals__)
    return False, tuple(named)


def _members(of: object) -> Iterator[FunctionType]:
    """Give a function of the tests, or all functions of a class of theirs."""
    members: list[Any] = [of]
    if isinstance(of, type):
        attributes = (
            attribute
            for base in of.__mro__
            if base.__module__.startswith(_OURS)
            for attribute in vars(base).values()
        )
        members = [a.fget if isinstance(a, property) else a for a in attributes]
    for member in map(inspect.unwrap, members):
        function = getattr(member, "__func__", member)  # of a class or static method
        if isinstance(function, FunctionType) and function.__module__.startswith(_OURS):
            yield function


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _strings(constants: tuple[object, ...] | frozenset[object]) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from _strings(constant)


def _named(code: CodeType, meanings: dict[str, Any]) -> list[object]:
    """Return what the code names in its module, or in a module that it names."""
    found = [meanings[name] for name in code.co_names if name in meanings]
    modules = [vars(each) for each in found if isinstance(each, ModuleType)]
    found += [module[name] for module in modules for name in code.co_names if name in module]
    whole = [inspect.unwrap(each) for each in found if callable(each)]
    return [each for each in whole if isinstance(each, FunctionType | type)]
