"""What may import what. Each rule is a function over a folder of sources, and is tested on small wrong ones."""

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pytest

import probvae
from probvae.registry import Registry

FLOORS = {
    "errors": 0,
    "_lazy": 0,
    "core": 1,
    "registry": 1,
    "scaffold": 1,
    "components": 2,
    "objectives": 2,
    "data": 2,
    "training": 3,
    "evaluation": 3,
    "exporting": 3,
    "specs": 4,
    "report": 4,
    "runs": 5,
    "testing": 5,
    "cli": 6,
    "__main__": 7,
    "__init__": 7,
}
"""The parts of the package, from the ground up; those of one floor do not know each other."""

HEAVY = {"tensorflow", "tensorflow_probability", "keras", "tf_keras", "numpy", "pydantic", "matplotlib"}

LIGHT = ("", "registry", "cli", "runs", "report", "components", "objectives", "data")
"""The packages that the program imports before it knows whether it needs TensorFlow."""

FROM_THE_TOP = {"__version__"}
"""What every floor may import from the package itself, which is loaded before any of its modules."""


class Reference(NamedTuple):
    """One module's use of another.

    Args:
        module: who refers, as `probvae.core.vae`.
        target: what is referred to, as `probvae.errors` or `tensorflow`.
        line: where.
        deferred: inside a function, or a name in a string that is loaded on first use.
        typing: under `if TYPE_CHECKING:`.
    """

    module: str
    target: str
    line: int
    deferred: bool = False
    typing: bool = False


class Tree:
    """The modules of a package, and what refers to what.

    Args:
        folder: the folder of the package, whose name is the package's.
    """

    def __init__(self, folder: Path) -> None:
        self.package = folder.name
        self.folder = folder
        self.files = {self._name(path): path for path in sorted(folder.rglob("*.py"))}
        self.sources = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.files.items()}

    def _name(self, path: Path) -> str:
        parts = path.relative_to(self.folder.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def part(self, module: str) -> str:
        """The part that a module belongs to: `core` of `probvae.core.vae`, `__init__` of `probvae`."""
        return module.split(".")[1] if "." in module else "__init__"

    @cached_property
    def references(self) -> list[Reference]:
        return [reference for name in self.sources for reference in self._of(name)]

    def _of(self, module: str) -> Iterator[Reference]:
        docstrings = {id(node) for node in _docstrings(self.sources[module])}

        def walk(node: ast.AST, deferred: bool, typing: bool) -> Iterator[Reference]:
            for target in self._targets(module, node, docstrings):
                yield Reference(module, target, node.lineno, deferred or isinstance(node, ast.Constant), typing)
            deferred = deferred or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            checked = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            for child in ast.iter_child_nodes(node):
                yield from walk(child, deferred, typing or (checked and child in node.body))

        yield from walk(self.sources[module], False, False)

    def _targets(self, module: str, node: ast.AST, docstrings: set[int]) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (self._module(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".")
                here = here if self.files[module].name == "__init__.py" else here[:-1]
                base = ".".join([*here[: len(here) - node.level + 1], *([base] if base else [])])
            for alias in node.names:
                if base != self.package or alias.name not in FROM_THE_TOP:
                    yield self._module(f"{base}.{alias.name}")
        elif isinstance(node, ast.Constant) and id(node) not in docstrings:
            # Names of modules in strings: front doors and plugins load them on first use.
            found = re.fullmatch(rf"({self.package}\.[\w.]+)(:\w+)?", str(node.value))
            if found and self._module(found[1]) != self.package:
                yield self._module(found[1])

    def _module(self, name: str) -> str:
        """The module that a dotted name is, or is in; what is not of the package stays as it is."""
        while name.startswith(f"{self.package}.") and name not in self.files:
            name = name.rpartition(".")[0]
        return name

    def inner(self) -> Iterator[Reference]:
        """The references within the package."""
        for reference in self.references:
            if reference.target.split(".")[0] == self.package and reference.target != reference.module:
                yield reference


def _docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Every string that is a statement by itself: docstrings of modules, classes, functions and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def upward(tree: Tree) -> list[str]:
    """References to a floor that is not below one's own, outside one's own part; parts that are on no floor."""
    unknown = {tree.part(module) for module in tree.files} - set(FLOORS)
    wrong = [f"{tree.package}.{part} is on no floor" for part in sorted(unknown)]
    for module, target, line, *_ in tree.inner():
        here, there = tree.part(module), tree.part(target)
        if here != there and {here, there} <= set(FLOORS) and FLOORS[there] >= FLOORS[here]:
            wrong.append(f"{module}:{line} ({here}, floor {FLOORS[here]}) -> {target} ({there}, {FLOORS[there]})")
    return wrong


def circles(tree: Tree) -> list[list[str]]:
    """Circles of imports between modules, those inside functions and those for type checkers included."""
    graph: dict[str, set[str]] = {module: set() for module in tree.files}
    for reference in tree.inner():
        graph[reference.module].add(reference.target)
    found, done = [], set()

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            for target in sorted(graph[module]):
                visit(target, [*path, module])
            done.add(module)

    for module in graph:
        visit(module, [])
    return found


def heavy(tree: Tree, module: str) -> list[str]:
    """The ways by which importing a module imports a numerical library: chains of modules, the library last."""
    direct: dict[str, list[str]] = {name: [] for name in tree.files}
    for reference in tree.references:
        if not (reference.deferred or reference.typing):
            direct[reference.module].append(reference.target)
    ways, seen = [], set()
    queue = [[name] for name in _with_parents(module)]
    while queue:
        way = queue.pop(0)
        for target in direct.get(way[-1], []):
            if target.split(".")[0] in HEAVY:
                ways.append(" -> ".join([*way, target]))
            for name in _with_parents(target):
                if name in tree.files and name not in seen:
                    seen.add(name)
                    queue.append([*way, name])
    return ways


def _with_parents(module: str) -> list[str]:
    """A module and the packages that are imported before it."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def mentions(tree: Tree, part: str, names: set[str], classes: set[str]) -> list[str]:
    """Where the code of a part, its messages included, mentions a component by its name or by its class.

    Docstrings may: an example is no dependence. A name that is also a word counts only as a whole string.
    """
    found = []
    for module, source in tree.sources.items():
        if tree.part(module) != part:
            continue
        docstrings = {id(node) for node in _docstrings(source)}
        for node in ast.walk(source):
            words: set[str] = set()
            if isinstance(node, ast.Name):
                words = {node.id} & classes
            elif isinstance(node, ast.Attribute):
                words = {node.attr} & classes
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                words = {node.value} & names | set(re.findall(r"\w+", node.value)) & classes
            found += [f"{module}:{node.lineno}: {word}" for word in sorted(words)]
    return found


@pytest.fixture(scope="module")
def tree():
    return Tree(Path(probvae.__file__).parent)


def test_a_file_imports_only_from_below(tree):
    assert upward(tree) == []


def test_imports_go_in_no_circle(tree):
    assert circles(tree) == []


def test_core_mentions_no_component(tree):
    specs = Registry().values()
    classes = {spec.target.partition(":")[2] for spec in specs}
    names = {spec.name for spec in specs} - {"network"}  # also the name of a kind
    names -= {"categorical"}  # as q(y|x) of a classifier must be, tfd.Categorical
    classes -= {"ELBO", "Categorical", "Normal"}  # tfd.Normal is that of each latent of a diagonal normal
    assert mentions(tree, "core", names, classes) == []


def test_core_mentions_not_even_the_elbo(tree):
    assert mentions(tree, "core", set(), {"ELBO"}) == []


def test_what_only_reads_names_imports_no_numerical_library(tree):
    light = [".".join(filter(None, [tree.package, name])) for name in LIGHT]
    modules = set(light) | {name for name in tree.files if tree.part(name) in ("registry", "cli")}
    modules |= {name for name in tree.files if name.endswith(".plugin")}
    assert len(modules) > 15
    assert [way for module in sorted(modules) for way in heavy(tree, module)] == []


def test_the_tree_is_read_whole(tree):
    """So that the rules above do not hold because nothing was found."""
    assert {tree.part(module) for module in tree.files} >= set(FLOORS) - {"testing"}
    inner = list(tree.inner())
    assert len(inner) > 100
    assert any(reference.typing for reference in inner)
    assert any(reference.deferred for reference in inner)
    assert heavy(tree, "probvae.core")
    assert ("probvae", "probvae.core") in {reference[:2] for reference in inner}  # a front door's string
    assert ("probvae.data.plugin", "probvae.data.datasets.mini") in {reference[:2] for reference in inner}


# The rules can be broken


@pytest.fixture
def fake(tmp_path):
    """Makes a package of modules by path: `{"core/vae": "..."}` is `fake.core.vae`."""

    def make(modules: dict[str, str]) -> Tree:
        folder = tmp_path / "fake"
        for name, source in {"__init__": "", **modules}.items():
            path = folder / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return Tree(folder)

    return make


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core/vae", "import fake.specs.plan"),
        ("core/vae", "from fake.specs import plan"),
        ("core/vae", "from fake.specs.plan import Plan"),
        ("core/vae", "from fake import spec"),
        ("core/vae", "from fake import VAE"),
        ("core/vae", "from ..spec import plan"),
        ("core/vae", "def f():\n    from fake.specs import plan"),
        ("core/vae", "class A:\n    def f(self):\n        import fake.specs"),
        ("core/vae", "try:\n    import fake.specs\nexcept ImportError:\n    pass"),
        ("core/vae", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fake.specs import plan"),
        ("core/vae", "import typing\nif typing.TYPE_CHECKING:\n    from fake.specs import plan"),
        ("core/vae", 'WHERE = {"Plan": "fake.specs.plan"}'),
        ("core/vae", 'FACTORY = "fake.specs.plan:Plan"'),
        ("core/vae", "import fake.registry"),
        ("data/arrays", "from fake.components import conv"),
        ("training/trainer", "import fake.evaluation"),
        ("report/map", "import fake.specs"),
        ("runs/models", "from fake.cli import main"),
        ("cli/app", "from fake import VAE"),
        ("errors", "from fake.core import vae"),
    ],
)
def test_a_reference_that_goes_up_or_sideways_is_found(fake, module, source):
    packages = [f"{part}/__init__" for part in ("core", "specs", "components", "evaluation", "cli")]
    others = dict.fromkeys([*packages, "registry", "specs/plan", "components/conv"], "")
    (wrong,) = upward(fake({**others, module: source}))
    assert wrong.startswith(f"fake.{module.replace('/', '.')}:")


def test_references_downwards_and_within_a_part_are_right(fake):
    tree = fake(
        {
            "core/__init__": "from fake.core.vae import VAE",
            "core/vae": "from fake.errors import E\nfrom . import seeds\nimport numpy",
            "core/seeds": '"""See fake.specs.plan."""\nfrom fake import __version__\n"fake.specs.plan"\nX = 1',
            "errors": "E = 'fake.specs.plan in a sentence is no reference'",
            "specs/plan": "from fake.core import VAE\nimport fake.core.vae as v",
            "__main__": "from fake.specs import plan",
        }
    )
    assert upward(tree) == []
    assert len([*tree.inner()]) == 6


def test_a_part_on_no_floor_is_found(fake):
    assert upward(fake({"utils": ""})) == ["fake.utils is on no floor"]


def test_a_circle_is_found_wherever_its_imports_stand(fake):
    tree = fake(
        {
            "core/a": "from fake.core import b",
            "core/b": "def f():\n    import fake.core.c",
            "core/c": 'WHERE = {"x": "fake.core.a"}',
        }
    )
    assert circles(tree) == [["fake.core.a", "fake.core.b", "fake.core.c", "fake.core.a"]]


def test_a_module_that_imports_its_own_package_is_a_circle(fake):
    tree = fake({"core/__init__": "from fake.core.a import A", "core/a": "from fake.core import A"})
    assert circles(tree) == [["fake.core", "fake.core.a", "fake.core"]]


def test_a_circle_for_type_checkers_alone_is_found(fake):
    guarded = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import fake.core.b"
    assert circles(fake({"core/a": guarded, "core/b": "import fake.core.a"}))


@pytest.mark.parametrize(
    "modules",
    [
        {"registry/registry": "import numpy as np"},
        {"registry/registry": "from tensorflow.python import framework"},
        {"registry/registry": "from fake.errors import E", "errors": "import keras"},
        {"registry/__init__": "import keras", "registry/registry": ""},
        {"registry/registry": "from fake.core import a", "core/__init__": "import keras", "core/a": ""},
        {"registry/registry": "try:\n    import keras\nexcept ImportError:\n    pass"},
        {"registry/registry": "class A:\n    import keras"},
    ],
)
def test_a_way_to_a_numerical_library_is_found(fake, modules):
    assert len(heavy(fake(modules), "fake.registry.registry")) == 1


def test_a_library_imported_on_first_use_or_for_type_checkers_is_none(fake):
    source = "def f():\n    import keras\nif TYPE_CHECKING:\n    import numpy\nWHERE = {'a': 'fake.core.a'}"
    assert heavy(fake({"registry": source, "core/a": "import keras"}), "fake.registry") == []


@pytest.mark.parametrize(
    "source",
    [
        "if kind == 'mixture':\n    pass",
        "from fake.components import Mixture\nMixture()",
        "x = components.Mixture",
        "raise ValueError('Use a Mixture.')",
        "raise ValueError(f'{1}: use a Mixture.')",
    ],
)
def test_a_mention_of_a_component_is_found(fake, source):
    assert len(mentions(fake({"core/a": source}), "core", {"mixture"}, {"Mixture"})) == 1


def test_a_mention_in_a_docstring_or_elsewhere_is_none(fake):
    tree = fake(
        {"core/a": '"""Like Mixture."""\nx = "a mixture of two"', "components/a": "Mixture()\nx = 'mixture'"}
    )
    assert mentions(tree, "core", {"mixture"}, {"Mixture"}) == []
