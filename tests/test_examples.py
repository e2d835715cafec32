"""The usage example in a module's docstring calls what the module has, as it is."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "dcgan_sweeps").rglob("*.py"), *(ROOT / "hydra_plugins").glob("*.py")])


def read_examples(docstring):
    """Return the blocks of a docstring that are Python, and not a sentence."""
    found = []
    for block in docstring.split("\n\n"):
        try:
            tree = ast.parse(textwrap.dedent(block))
        except SyntaxError:
            continue
        if any(isinstance(node, ast.Call) for node in ast.walk(tree)):
            found.append(tree)
    return found


def list_callables(tree):
    """Return {name: [(arguments, those that a caller does not give)]} of functions and methods."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append((node.args, 0))
        if isinstance(node, ast.ClassDef):
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            for method in methods:
                is_static = any(
                    getattr(d, "id", "") == "staticmethod" for d in method.decorator_list
                )
                name = node.name if method.name == "__init__" else method.name
                found.setdefault(name, []).append((method.args, 0 if is_static else 1))
    return found


def fits(call, arguments, own):
    """Return whether a call gives what a function takes."""
    positional = [each.arg for each in [*arguments.posonlyargs, *arguments.args]][own:]
    keywords = {each.arg for each in arguments.kwonlyargs}
    given = {each.arg for each in call.keywords}
    starred = any(isinstance(each, ast.Starred) for each in call.args) or None in given
    if starred or any(getattr(each, "value", 0) is ... for each in call.args):
        return True
    required = positional[: len(positional) - len(arguments.defaults)]
    required += [
        each.arg
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    is_room = arguments.vararg is not None or len(call.args) <= len(positional)
    is_known = arguments.kwarg is not None or given <= {*positional, *keywords}
    return is_room and is_known and {*required} <= {*positional[: len(call.args)], *given}


def find_misfits(tree):
    """Return the calls in a module's example that fit none of its functions of that name."""
    callables = list_callables(tree)
    found = []
    for example in read_examples(ast.get_docstring(tree) or ""):
        for node in ast.walk(example):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", None))
                known = callables.get(name, [])
                if known and not any(fits(node, *each) for each in known):
                    found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_example_of_a_module_fits_its_functions(path):
    assert find_misfits(ast.parse(path.read_text())) == []


def test_a_wrong_example_is_found():
    module = '"""Say.\n\nsay("a", "b")\nsay(loud=1)\nsay("a")\n"""\ndef say(text, *, loud=0): ...\n'
    assert find_misfits(ast.parse(module)) == ["say('a', 'b')", "say(loud=1)"]
