"""Searches by Optuna: what is chosen, pruned, and continued."""

import pytest

from probvae.errors import SpecError, TemporaryError, UserError
from probvae.runs.sweeps.definition import Definition, without_password
from probvae.runs.sweeps.ranges import Interval
from probvae.runs.sweeps.search import Search
from probvae.runs.sweeps.source import claimed

from .fakes import EPOCHS, Killed

optuna = pytest.importorskip("optuna")

RATE = {"train.learning_rate": Interval(1e-5, 1e-1, log=True)}


def chosen(found):
    return [trial.settings for trial in sorted(found.trials, key=lambda trial: trial.number)]


def test_a_search_has_as_many_trials_as_asked_within_its_interval(swept, training):
    found = swept(search=RATE, trials=8)
    assert len(found.trials) == 8
    rates = [settings["train.learning_rate"] for settings in chosen(found)]
    assert len(set(rates)) == 8
    assert 1e-5 <= min(rates) < 1e-4 < max(rates) <= 1e-1
    assert found.best.loss == min(trial.loss for trial in found.trials if trial.status == "finished")


def test_trials_that_are_worse_than_others_at_the_same_epoch_are_pruned(swept, training):
    found = swept(search=RATE, trials=12)
    pruned = [trial for trial in found.trials if trial.status == "pruned"]
    assert pruned
    assert all("its lowest validation loss was above the median of the others" in trial.reason for trial in pruned)
    assert min(trial.number for trial in pruned) >= 5  # the first ones are what others are compared with
    assert all(trial.epochs < EPOCHS for trial in pruned)
    assert len(training.trained) == sum(trial.epochs for trial in found.trials)
    medians = sorted(trial.loss for trial in found.trials if trial.status == "finished" and trial.number < 5)
    assert all(trial.loss > medians[2] for trial in pruned if trial.number == 5)


def test_values_of_every_kind_are_chosen(swept, training):
    network = [{"use": "dense", "hidden": [4]}, {"use": "dense", "hidden": [8, 4]}]
    search = {
        "model.encoder.network": network,
        "train.batch_size": Interval(8, 16),
        "train.clip_norm": Interval(0, 2),  # of a parameter that takes fractions
        "train.schedule": ["constant", "cosine"],
    }
    settings = chosen(swept(search=search, trials=6))
    assert all(one["model.encoder.network"] in network for one in settings)
    assert all(isinstance(one["train.batch_size"], int) and 8 <= one["train.batch_size"] <= 16 for one in settings)
    assert any(one["train.clip_norm"] % 1 for one in settings)
    assert len({one["train.schedule"] for one in settings}) == 2


def test_a_search_that_was_killed_ends_as_one_that_was_not(swept, training, tmp_path):
    whole = swept(search=RATE, trials=8, out=tmp_path / "whole" / "sweep")
    training.trained.clear()
    for killed_at in (0, 6, 17):
        training.killed_at = killed_at
        with pytest.raises(Killed):
            swept(search=RATE, trials=8)
    training.killed_at = None
    found = swept(search=RATE, trials=8)
    assert chosen(found) == chosen(whole)
    assert [trial.status for trial in found.trials] == [trial.status for trial in whole.trials]
    assert len(training.trained) == len(set(training.trained))  # no epoch twice


def test_more_trials_continue_a_search(swept, training):
    first = swept(search=RATE, trials=3)
    training.trained.clear()
    found = swept(search=RATE, trials=5)
    assert chosen(found)[:3] == chosen(first)
    assert len(found.trials) == 5
    assert len(training.trained) <= 2 * EPOCHS
    assert len(swept(spec=found.folder, out=None).trials) == 5  # as many as before
    assert len(swept(spec=found.folder, out=None, trials=6).trials) == 6
    assert len(swept(search=RATE).trials) == 6


def test_a_search_continues_in_a_renamed_folder_and_from_within(swept, training, tmp_path, monkeypatch):
    found = swept(search=RATE, trials=1)
    (tmp_path / "sweep").rename(tmp_path / "renamed")
    again = swept(spec=tmp_path / "renamed", out=None, trials=2)
    assert chosen(again)[:1] == chosen(found)
    monkeypatch.chdir(tmp_path / "renamed")
    assert chosen(swept(spec=".", out=None, trials=3))[:2] == chosen(again)
    assert len({folder for folder, _ in training.trained}) == 3


def test_the_best_run_is_a_spec_to_sweep_its_seed(swept, training, tmp_path):
    found = swept(search=RATE, trials=2)
    again = swept(spec=found.best.folder, over={"train.seed": [1, 2]}, out=tmp_path / "seeds")
    assert [one.loss - found.best.loss for one in again.trials] == [0.5, 1.0]


def test_a_failed_trial_counts_and_has_its_reason(swept, training):
    training.failing = lambda spec: spec["train"]["learning_rate"] > 1e-3
    found = swept(search=RATE, trials=6)
    failed = [trial for trial in found.trials if trial.status == "failed"]
    assert failed
    assert all("ValueError: the model is wrong" in trial.reason for trial in failed)
    assert found.best.settings["train.learning_rate"] <= 1e-3


def test_machines_without_a_common_folder_share_a_study(swept, training, tmp_path):
    storage = str(tmp_path / "study.journal")
    one = swept(search=RATE, trials=4, storage=storage)
    other = tmp_path / "other machine" / "sweep"
    found = swept(search=RATE, trials=6, storage=storage, out=other)
    assert len(found.trials) == 6
    assert chosen(found)[:4] == chosen(one)
    assert len(list((other / "runs").iterdir())) == 2
    assert all(trial.loss is not None for trial in found.trials)


def test_the_running_trial_of_another_machine_is_left_to_it(swept, training, tmp_path):
    storage = str(tmp_path / "journal")
    training.killed_at = 1
    with pytest.raises(Killed):
        swept(search=RATE, trials=2, storage=storage)
    training.killed_at = None
    found = swept(search=RATE, trials=2, storage=storage, out=tmp_path / "other" / "sweep")
    assert [trial.status for trial in found.trials] == ["finished", "running"]
    found = swept(search=RATE, trials=2, storage=storage)
    assert found.count("finished") == 2


def test_a_trial_that_ends_before_it_is_claimed_is_not_taken_again(tmp_path, monkeypatch):
    definition = Definition({}, [], search={"a.b": Interval(0.0, 1.0)}, trials=1)
    taken = Search(tmp_path, definition).take()

    def claimed_late(folder):
        taken.end("finished", "", 1.0)
        taken.claim.release()
        return claimed(folder)

    monkeypatch.setattr("probvae.runs.sweeps.search.claimed", claimed_late)
    other = Search(tmp_path, definition)
    assert other.take() is None
    assert [record.loss for record in other.records()] == [1.0]


def test_a_study_of_another_sweep_is_refused(swept, training, tmp_path):
    storage = str(tmp_path / "study.journal")
    swept(search=RATE, trials=1, storage=storage)
    other = {"train.learning_rate": Interval(1e-3, 1e-2)}
    with pytest.raises(UserError, match=r"the study 'sweep' there is of another sweep"):
        swept(search=other, trials=1, storage=storage, out=tmp_path / "other" / "sweep")


def test_a_storage_that_cannot_be_used_is_said_without_its_password(swept, training, tmp_path):
    with pytest.raises(UserError, match=r"--storage nonsense://me:\*\*\*@host/db: expected the URL of a database"):
        swept(search=RATE, trials=1, storage="nonsense://me:secret@host/db")
    assert not (tmp_path / "sweep").exists()
    found = swept(search=RATE, trials=1, storage=f"sqlite:///{tmp_path / 'study.db'}")
    with pytest.raises(UserError, match="expected --storage, as the study is in sqlite:///"):
        swept(spec=found.folder, out=None)


def test_a_storage_that_is_gone_is_a_temporary_error(swept, training, monkeypatch):
    error = optuna.exceptions.StorageInternalError("the connection\nis lost")

    def tell(*_, **__):
        raise error

    monkeypatch.setattr(optuna.study.Study, "tell", tell)
    with pytest.raises(
        TemporaryError, match=r"cannot be used: the connection is lost\. The same command continues"
    ):
        swept(search=RATE, trials=1)


@pytest.mark.parametrize("damage", [lambda text: "no journal\n", lambda text: text[:100] + text[120:]])
def test_a_damaged_journal_is_said(damage, swept, training, tmp_path):
    found = swept(search=RATE, trials=2)
    journal = tmp_path / "sweep" / "study.journal"
    journal.write_text(damage(journal.read_text()))
    with pytest.raises(UserError, match=r"study\.journal: expected the study of a search.* got a damaged one"):
        swept(spec=found.folder, out=None, trials=3)


def test_a_study_that_cannot_be_written_is_a_temporary_error(swept, training, monkeypatch):
    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(optuna, "create_study", full)
    with pytest.raises(TemporaryError, match=r"study\.journal cannot be written: No space left on device\."):
        swept(search=RATE, trials=1)


def test_a_line_that_a_full_disk_has_cut_is_left_out(swept, training, tmp_path):
    found = swept(search=RATE, trials=2)
    journal = tmp_path / "sweep" / "study.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole[:40])
    again = swept(spec=found.folder, out=None, trials=3)
    assert chosen(again)[:2] == chosen(found)
    assert journal.read_bytes().startswith(whole)
    assert swept(spec=found.folder, out=None) == again


def test_an_edited_definition_is_checked_before_its_trials(swept, training, tmp_path):
    swept(search=RATE, trials=1)
    file = tmp_path / "sweep" / "sweep.json"
    file.write_text(
        file.read_text().replace('"seed": 0', '"seed": "none"').replace('"epochs"', '"seed": "none", "epochs"')
    )
    with pytest.raises(SpecError, match=r"train\.seed: expected an integer"):
        swept(spec=tmp_path / "sweep", out=None, trials=2)


def test_the_password_of_a_storage_is_not_written():
    for url, shown in {
        "postgresql://me:secret@host/db": "postgresql://me:***@host/db",
        "postgresql://me:p@ss@host/db": "postgresql://me:***@host/db",
        "postgresql://me:p/a:ss?@host:5432/db": "postgresql://me:***@host:5432/db",
        "postgresql://:secret@host/db": "postgresql://:***@host/db",
        "postgresql://me@host/db?password=secret": "postgresql://me@host/db?password=***",
        "mysql://me:se@host/db?ssl=1&Auth_Token=c@ret&a=b": "mysql://me:***@host/db?ssl=1&Auth_Token=***&a=b",
        "mssql+pyodbc:///?odbc_connect=UID%3Dme%3BPWD%3Dsecret": "mssql+pyodbc:///?odbc_connect=***",
    }.items():
        assert without_password(url) == shown
    for plain in ("postgresql://me@host:5432/db?a=b", "sqlite:///a:b@c.db", "study.journal", "a?token=1&b"):
        assert without_password(plain) == plain


def test_ends_of_intervals_are_checked_first(swept, training):
    with pytest.raises(
        UserError, match=r"--search train\.learning_rate: train\.learning_rate: expected a number > 0"
    ):
        swept(search={"train.learning_rate": Interval(-1.0, 1.0)})
    with pytest.raises(UserError, match=r"train\.batch_size: expected an integer >= 1; got 8\.5"):
        swept(search={"train.batch_size": Interval(8.5, 16.0)})
    assert training.trained == []


def test_a_missing_optuna_is_said_in_one_line(swept, training, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(
        UserError, match=r"cannot be imported .*Install it: pip install 'probvae\[sweep\]'"
    ) as caught:
        swept(search=RATE)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sweep").exists()
    swept(over={"train.learning_rate": [1e-3]}, out=tmp_path / "grid")  # which needs no Optuna
