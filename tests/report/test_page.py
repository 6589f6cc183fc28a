"""The report of a run: its structure, its words, and that nothing of a run becomes markup."""

import base64
import re

import pytest

from .markup import Markup
from .models import rows
from .reported import EVALUATION, FIGURES, SPEC, page, pictures

HOSTILE = "</title><script>alert(1)</script>\" onload='x' {{ 7*7 }} &amp;"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The page of a whole run."""
    return page(pictures(tmp_path_factory.mktemp("figures")))


@pytest.fixture(scope="module")
def markup(whole):
    return Markup(whole)


# Structure


def test_the_page_is_well_formed(markup):
    assert markup.wrong == []
    assert markup.elements[0][0] == "html"
    assert markup.all("html") == [{"lang": "en"}]
    assert len(markup.all("h1")) == len(markup.all("main")) == len(markup.all("title")) - len(charts(markup)) == 1


def charts(markup):
    return [attributes for attributes in markup.all("svg") if attributes.get("role") == "img"]


def test_ids_are_unique_and_every_reference_to_one_resolves(markup):
    ids = [attributes["id"] for _, attributes in markup.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = [attributes["href"] for attributes in markup.all("a")]
    assert len(links) >= 8
    named = [attributes["aria-labelledby"] for _, attributes in markup.elements if "aria-labelledby" in attributes]
    assert {link.removeprefix("#") for link in links} | set(named) <= set(ids)


def test_every_picture_and_chart_has_a_text_for_those_who_do_not_see_it(markup):
    images = markup.all("img")
    assert len(images) == len(FIGURES)
    assert all(len(image["alt"]) > 20 for image in images)
    assert len(charts(markup)) == 3
    assert "Loss in nats per example, epochs 1 to 12. Training: 100.00 at first, 8.33 at the end" in markup.text


def test_nothing_is_loaded_from_elsewhere_and_no_script_runs(whole, markup):
    assert markup.all("script") == markup.all("link") == []
    assert not [name for _, attributes in markup.elements for name in attributes if name.startswith("on")]
    addresses = [
        attributes[name] for _, attributes in markup.elements for name in ("src", "href") if name in attributes
    ]
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in addresses)
    assert not re.search(r"https?:|url\(|@import", re.sub(r'src="data:[^"]*"', "", whole))
    (policy,) = [meta["content"] for meta in markup.all("meta") if "http-equiv" in meta]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_the_pictures_are_the_figures_of_the_run_with_their_sizes(tmp_path):
    images = Markup(page(pictures(tmp_path))).all("img")
    for image, name in zip(images, ("samples", "reconstructions", "latent_map", "latent_grid"), strict=True):
        content = base64.b64decode(image["src"].partition(",")[2])
        assert content == (tmp_path / f"{name}.png").read_bytes()
        assert (int(image["width"]), int(image["height"])) == (300, 150)


def test_a_wide_picture_has_the_width_of_the_page_and_scrolls_by_itself(whole):
    assert whole.count('<figure class="wide">') == len(FIGURES)  # 300 by 150 pixels
    assert whole.count('tabindex="0">\n<img') == len(FIGURES)


def test_the_largest_report_stays_below_3_megabytes(tmp_path):
    for name in FIGURES:
        (tmp_path / f"{name}.png").write_bytes(bytes(500_000))  # the most that a figure takes
    terms = {f"term {number}": lambda epoch: 1 / epoch for number in range(8)}
    assert 2_600_000 < len(page(tmp_path, rows=rows(5000, **terms)).encode()) < 3_000_000


def test_the_same_run_has_the_same_report(whole, tmp_path):
    assert page(pictures(tmp_path)) == whole


# Words


def test_the_model_is_described_by_its_components_without_shapes(markup):
    shape = " \N{MULTIPLICATION SIGN} ".join(["28", "28", "1"])
    assert f"2 latents for examples of shape {shape} (0 and 1 only), trained on 6,000 examples" in markup.text
    assert "prior p(z) mixture : A learned mixture of K diagonal normals. components 16" in markup.text
    assert "posterior q(z|x) diagonal_normal : A normal with a diagonal covariance." in markup.text
    assert "batch [" not in markup.text


def test_the_tightest_bound_comes_first_with_its_error_unit_and_samples(markup):
    card = "importance-weighted bound on log p(x) \N{MINUS SIGN}311.74 ± 2.77 nats per example, S = 100"
    assert markup.text.index(card) < markup.text.index("evidence lower bound (ELBO) on log p(x)")
    assert f"{card} 0.5737 ± 0.0051 bits per dimension" in markup.text


def test_a_term_that_does_not_change_is_a_sentence_and_no_chart(markup):
    assert "Constant in all epochs: weight of the KL, β = 1." in markup.text


def test_what_the_evaluation_says_is_among_the_diagnoses(markup):
    assert "Active units. 1 is idle" in markup.text
    assert "Inactive latents. 1 of 2 do not depend on x." in markup.text
    assert "Convergence. Not converged: the bound rose by 0.25 nats." in markup.text


def test_numbers_of_other_weights_than_the_best_are_a_warning(tmp_path):
    text = Markup(page(tmp_path, evaluation=EVALUATION | {"epoch": 3})).text
    assert "They are of the weights of epoch 3; the lowest loss is now that of epoch 12." in text


def test_commands_name_the_run_and_its_plugins_as_a_shell_reads_them(tmp_path):
    environment = {"plugins": ["/home/me/my prior.py"]}
    text = Markup(page(tmp_path, folder="my runs/a", environment=environment)).text
    assert "probvae evaluate 'my runs/a' --samples 5000 --plugin '/home/me/my prior.py'" in text
    assert "probvae train 'my runs/a' --resume --set train.epochs=24 --plugin" in text


def test_a_run_that_is_not_finished_says_how_to_resume_it(tmp_path):
    text = Markup(page(tmp_path, rows=rows(5), evaluation={})).text
    assert "5 of 12 epochs are finished" in text
    assert "probvae train runs/first --resume " in text
    assert "train.epochs=" not in text
    assert "The run is not evaluated yet" in text


def test_training_longer_after_an_early_stop_is_without_patience(tmp_path):
    spec = SPEC | {"train": SPEC["train"] | {"patience": 3, "epochs": 100}}
    text = Markup(page(tmp_path, spec=spec, rows=early())).text
    assert "Stopped early" in text
    assert "probvae train runs/first --resume --set train.epochs=200 --set train.patience=0" in text


def early():
    """The rows of a training whose loss was lowest after 2 of 5 epochs."""
    made = rows(5)
    for row, loss in zip(made, (3.0, 1.0, 2.0, 2.0, 2.0), strict=True):
        row["validation/loss"] = loss
    return made


def test_samples_need_the_values_of_a_condition_that_is_no_class(tmp_path):
    text = Markup(page(tmp_path, data={"columns": ["age", "a dose"]})).text
    assert "probvae sample runs/first --count 1000 --condition 'age=VALUE,a dose=VALUE' --out" in text


def test_commands_on_data_that_was_given_in_python_are_those_that_need_none(tmp_path):
    text = Markup(page(tmp_path, spec=SPEC | {"data": {"use": "given"}})).text
    assert "probvae sample runs/first" in text
    assert "probvae evaluate" not in text
    assert 'probvae.load("runs/first")' in text


# Whatever a run holds


def test_a_run_without_an_epoch_or_a_figure_has_a_page(tmp_path):
    markup = Markup(page(tmp_path, rows=[], evaluation={}, data={}, environment={}))
    assert markup.wrong == []
    assert markup.all("img") == charts(markup) == []
    links = {attributes["href"].removeprefix("#") for attributes in markup.all("a")}
    assert links <= {attributes.get("id") for _, attributes in markup.elements}


def test_unknown_numbers_are_shown_and_other_content_is_left_out(tmp_path):
    new = {
        "annealed": {"lower": {"value": -300.5, "standard_error": 1.5, "samples": 7}},
        "curve": [1, 2],
        "x": None,
    }
    text = Markup(page(tmp_path, evaluation=EVALUATION | new)).text
    assert "annealed: lower \N{MINUS SIGN}300.50 ± 1.50 nats per example" in text


@pytest.mark.parametrize("evaluation", [{"value": 1.0}, {"": {"value": 1.0}}])
def test_a_number_without_a_name_is_a_number(evaluation, tmp_path):
    assert "number 1" in Markup(page(tmp_path, evaluation=evaluation)).text


def test_numbers_that_are_no_losses_have_no_place_in_a_chart(tmp_path):
    rows = [{"epoch": 1, "train/loss": 1e308, "validation/loss": 3.0}, {"epoch": 2, "train/loss": -1e308}]
    text = page(tmp_path, rows=rows)
    assert charts(Markup(text))
    assert "nan" not in text.partition("<main>")[2]


def test_half_of_a_character_is_replaced(tmp_path):
    text = page(tmp_path, evaluation=EVALUATION | {"protocol": "a\ud800b"})
    assert "a?b" in text
    text.encode()


def test_nothing_of_a_run_becomes_markup(tmp_path):
    changes = {
        "folder": HOSTILE,
        "spec": SPEC | {"data": {"use": HOSTILE, HOSTILE: HOSTILE}},
        "environment": {HOSTILE: HOSTILE, "plugins": [HOSTILE]},
        "data": {"protocol": HOSTILE, "event_shape": (HOSTILE,), "values": HOSTILE},
        "rows": rows(8, **{HOSTILE: float}),
        "evaluation": {
            HOSTILE: {"value": 1.0, "unit": HOSTILE, HOSTILE: HOSTILE, "note": HOSTILE},
            "unit": HOSTILE,
            "protocol": HOSTILE,
        },
    }
    text = page(tmp_path, **changes)
    markup = Markup(text)
    assert markup.wrong == []
    assert markup.all("script") == []
    assert not [attributes for _, attributes in markup.elements if "onload" in attributes]
    assert "49" not in markup.text
    shown = markup.text.count(" ".join(HOSTILE.split()))
    assert shown > 15
