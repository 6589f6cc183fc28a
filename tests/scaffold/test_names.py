"""A plugin's one name gives it three, and an invalid one is refused with a remedy."""

import keyword

import pytest

from probvae.errors import UserError
from probvae.scaffold import PluginNames
from probvae.scaffold.names import LONGEST


def of(name, **claimed):
    return PluginNames.of(name, claimed)


@pytest.mark.parametrize("name", ["heavy-tails", "heavy_tails"])
def test_a_name_of_two_words_is_written_as_each_place_needs_it(name):
    names = of(name)
    assert (names.namespace, names.module, names.distribution) == (
        "heavy_tails",
        "probvae_heavy_tails",
        "probvae-heavy-tails",
    )


@pytest.mark.parametrize("name", ["t", "tails", "t2", "a-2-b", "match", "type", "plugins", "t" * LONGEST])
def test_names_that_can_be_are_taken(name):
    assert of(name).namespace.isidentifier()


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("Tails", "tails"),
        ("StudentT", "student-t"),
        ("my prior", "my-prior"),
        ("my.prior", "my-prior"),
        ("a--b", "a-b"),
        ("tails_", "tails"),
        ("-tails", "tails"),
        ("../tails", "tails"),
        ("tails\n", "tails"),
        ("$module", "module"),
        ("1d", "heavy-tails"),
        ("é", "heavy-tails"),
        ("", "heavy-tails"),
    ],
)
def test_a_name_of_another_form_is_refused_with_one_that_can_be(name, better):
    with pytest.raises(UserError) as refused:
        of(name)
    assert "expected lower-case words of a-z and 0-9" in str(refused.value)
    assert str(refused.value).endswith(f"got {name!r}. Try {better}.")


def test_a_name_too_long_for_the_templates_lines_is_refused():
    with pytest.raises(UserError, match=f"expected at most {LONGEST} characters; got {LONGEST + 1}"):
        of("t" * (LONGEST + 1))


@pytest.mark.parametrize(
    ("name", "found", "remedy"),
    [
        ("probvae", "'probvae'", "Name what it adds"),
        ("probvae-tails", "'probvae'", "Try tails."),
        ("probvae_heavy_tails", "'probvae'", "Try heavy-tails."),
        ("plugin-tails", "'plugin'", "Try tails."),
    ],
)
def test_what_is_put_before_a_name_is_refused_in_it(name, found, remedy):
    with pytest.raises(UserError) as refused:
        of(name)
    assert f"got {found}. {remedy}" in str(refused.value)


@pytest.mark.parametrize("name", [word for word in keyword.kwlist if word.islower()])
def test_a_keyword_of_python_is_refused(name):
    with pytest.raises(UserError, match=f"got a keyword. Add a word, such as {name}-prior"):
        of(name)


@pytest.mark.parametrize("name", ["heavy-tails", "heavy_tails"])
def test_a_namespace_that_is_taken_is_refused_with_who_has_it(name):
    with pytest.raises(UserError, match="got 'heavy_tails' taken by other-tails 2"):
        of(name, heavy_tails="other-tails 2.0")
