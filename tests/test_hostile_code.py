"""Nothing in livegen turns bytes into code: no eval, no exec, no pickle but between the processes of one daemon."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import livegen

PACKAGE = Path(livegen.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

EVALUATING = {"eval", "exec", "compile", "__import__", "breakpoint"}
UNPICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle", "yaml"}
LOCAL = ("runtime/", "devices/")
"""What may use multiprocessing, whose connections pickle: the processes of one daemon, by keys and pipes of their own."""


def faults(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in EVALUATING:
                yield f"line {node.lineno}: {name}()"
            case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="np")), keywords=keywords):
                safe = any(one.arg == "allow_pickle" and getattr(one.value, "value", None) is False for one in keywords)
                if not safe:
                    yield f"line {node.lineno}: np.load without allow_pickle=False"
            case ast.Import(names=names):
                yield from (f"line {node.lineno}: import {one.name}" for one in names if one.name.split(".")[0] in UNPICKLING)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in UNPICKLING:
                yield f"line {node.lineno}: from {module} import"


def uses_multiprocessing(tree: ast.AST) -> bool:
    names = [one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return any(name.split(".")[0] == "multiprocessing" for name in names)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_evaluates_or_unpickles(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert not list(faults(tree))
    name = module.relative_to(PACKAGE).as_posix()
    if uses_multiprocessing(tree):
        assert name.startswith(LOCAL), "connections of multiprocessing unpickle: only for our own processes"


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "exec(text)",
        "import pickle",
        "from marshal import loads",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_what_is_looked_for_is_found(code: str) -> None:
    assert list(faults(ast.parse(code)))
