"""Configurations are drawn from signatures: all of them valid, the smallest reachable, the wrong ones refused."""

from typing import Annotated, List, Literal  # noqa: UP035

import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt, MaxLen, MinLen
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from typing_extensions import TypeAliasType

from probvae.core import CONTEXT, Positive, PositiveFloat, Prior, Signature
from probvae.errors import ConfigError, PluginError
from probvae.registry import Registry, default
from probvae.testing import CHECKED_KINDS, Subject, strategies

COMPONENTS = [key for key in default() if key[0] in CHECKED_KINDS]
quick = settings(max_examples=30, deadline=None)
first = settings(max_examples=2000, phases=[Phase.generate])
"""For `find`: any that there is, instead of the smallest."""


@pytest.mark.parametrize(("kind", "name"), COMPONENTS, ids=map("-".join, COMPONENTS))
@given(data=st.data())
@quick
def test_configurations_are_valid_by_the_same_schema_as_specs(kind, name, data):
    table = data.draw(strategies.configurations(kind, name))
    _valid(Signature.of(default()[kind, name].load()), table)


def _valid(signature, table):
    assert set(table) <= set(signature.settable) - set(CONTEXT)
    assert all(parameter.accepts(table[k]) for k, parameter in signature.plain.items() if k in table)
    for parameter in signature.components.values():
        inner = dict(table[parameter.name])
        use = inner.pop("use")
        _valid(Signature.of(default()[parameter.kind, use].load()), inner)


class Everything(Prior):
    def __init__(
        self,
        latent_dim: int,
        count: Positive,
        few: Annotated[int, Ge(2), Le(3)],
        scale: PositiveFloat,
        share: Annotated[float, Interval(ge=0, lt=1)],
        how: Literal["a", "b"],
        sizes: Annotated[tuple[Positive, ...], MinLen(1), MaxLen(2)],
        pair: tuple[float, int],
        flag: bool,
        either: Positive | tuple[Positive, ...] | None,
        name: str = "x",
    ) -> None:
        super().__init__()

    def distribution(self):
        return None


@given(strategies.configurations("prior", Everything))
@quick
def test_every_type_of_a_signature_is_drawn_within_its_bounds(table):
    assert set(table) == {"count", "few", "scale", "share", "how", "sizes", "pair", "flag", "either"}
    Everything(2, **table)  # the constructor validates them
    assert table["few"] in (2, 3)
    assert 0 <= table["share"] < 1
    assert 1 <= len(table["sizes"]) <= 2


@pytest.mark.parametrize(
    "wanted",
    [
        lambda t: t["how"] == "b",
        lambda t: t["either"] is None,
        lambda t: isinstance(t["either"], tuple) and len(t["either"]) == 2,
        lambda t: t["flag"] and t["count"] > 3,
    ],
)
def test_every_corner_of_a_signature_is_reached(wanted):
    find(strategies.configurations("prior", Everything), wanted, settings=first)


class Narrow(Prior):
    def __init__(
        self,
        latent_dim: int,
        floor: Annotated[float, Gt(0), Le(0.01)] = 1e-3,
        tiny: Annotated[float, Ge(1e-8), Le(1e-4)] = 1e-6,
        open_ends: Annotated[float, Gt(0), Lt(0.09)] = 0.05,
        both: Annotated[PositiveFloat, Ge(0.001)] = 1.0,
        large: Annotated[float, Le(1e16)] = 1.0,
        one: Annotated[float, Ge(2.0), Le(2.0)] = 2.0,
    ) -> None:
        super().__init__()

    def distribution(self):
        return None


@given(strategies.configurations("prior", Narrow))
@quick
def test_numbers_of_narrow_ranges_are_drawn_within_their_bounds(table):
    Narrow(2, **table)  # the constructor validates them


def test_narrow_ranges_are_drawn_from_all_over():
    for wanted in (lambda t: t.get("floor", 0) > 0.005, lambda t: 0 < t.get("tiny", 0) < 5e-5):
        find(strategies.configurations("prior", Narrow), wanted, settings=first)


Size = TypeAliasType("Size", Annotated[int, Ge(1)])


class Unusual(Prior):
    def __init__(
        self,
        latent_dim: int,
        count: Annotated[int | None, Ge(8)] = None,
        size: Size = 4,
        sizes: tuple[Size, ...] = (4,),
        axis: Annotated[int, Le(-3)] = -3,
        far: Annotated[float, Le(-30.0)] = -30.0,
        anything: List = [],  # noqa: B006, UP006
    ) -> None:
        super().__init__()

    def distribution(self):
        return None


@given(strategies.configurations("prior", Unusual))
@quick
def test_unusual_annotations_are_drawn_within_their_bounds(table):
    assert set(table) == {"count", "size", "sizes", "axis", "far"}
    Unusual(2, **table)


@pytest.mark.parametrize(
    "wanted", [lambda t: t["count"] == 10, lambda t: t["size"] == 5, lambda t: t["axis"] == -5]
)
def test_unusual_annotations_are_drawn_from_all_over(wanted):
    find(strategies.configurations("prior", Unusual), wanted, settings=first)


def test_some_values_of_unusual_annotations_are_allowed():
    parameters = Subject("prior", Unusual).signature.plain
    assert strategies.some_values(parameters["count"]) == [8, 9, 12, None]
    assert strategies.some_values(parameters["axis"]) == [-7, -6, -3]
    assert all(p.accepts(value) for p in parameters.values() for value in strategies.some_values(p))


def test_configurations_shrink_to_the_smallest():
    table = find(strategies.configurations("prior", Everything), lambda t: t["count"] > 2)
    assert table["count"] == 3
    assert (table["few"], table["how"], table["sizes"], table["flag"]) == (2, "a", (1,), False)


@pytest.mark.parametrize(("factory", "least"), [(Everything, 15), (Narrow, 20)])
def test_wrong_values_are_refused_by_the_constructor(factory, least):
    right = find(strategies.configurations("prior", factory), lambda _: True)
    tried = 0
    for name, parameter in Subject("prior", factory).signature.plain.items():
        for value in strategies.wrong_values(parameter):
            with pytest.raises(ConfigError) as error:
                factory(2, **{**right, name: value})
            assert error.value.parameter == name
            tried += 1
    assert tried > least


def test_a_required_string_cannot_be_drawn_and_says_so():
    class Named(Prior):
        def __init__(self, latent_dim: int, name: str) -> None:
            super().__init__()

        def distribution(self):
            return None

    with pytest.raises(PluginError, match=r"no values can be drawn for name, a string.*Promises\(cases"):
        strategies.configurations("prior", Named)


NESTED = """
import probvae

@probvae.register("network", "from_file")
class FromFile(probvae.Network):
    def __init__(self, path: str) -> None: ...

@probvae.register("encoder", "plain")
class Plain(probvae.Encoder):
    def __init__(self, latent_dim: int, network: probvae.Network) -> None: ...
"""


def test_a_part_of_which_no_configuration_can_be_drawn_is_left_out(tmp_path):
    (tmp_path / "nested.py").write_text(NESTED)
    registry = Registry()
    registry.load_file(tmp_path / "nested.py")
    subject = Subject("encoder", "nested.plain", registry)
    assert "nested.from_file" in subject.choices("network")
    networks = strategies.configurations_of(subject)
    assert find(networks, lambda t: t["network"]["use"] != "conv", settings=first)
    with pytest.raises(NoSuchExample):
        find(
            networks,
            lambda t: t["network"]["use"] == "nested.from_file",
            settings=settings(max_examples=100, phases=[Phase.generate]),
        )


def test_components_are_drawn_with_their_own_configurations():
    table = strategies.configurations("encoder", "network")
    found = find(table, lambda t: t["posterior"]["use"] == "full_covariance_normal", settings=first)
    assert set(found["posterior"]) == {"use", "scale_floor"}
