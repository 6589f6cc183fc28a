"""The report of a run's folder: made anew at any time, and never the end of a training."""

import json
import re
import shutil

import pytest

from probvae.errors import ReportWarning, UserError
from probvae.registry import Registry
from probvae.runs import Run, write_report
from probvae.runs.reporting import LiveReport, try_report
from probvae.specs import read

from ..program import program
from .setups import ROW, after_an_epoch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return after_an_epoch(tmp_path_factory.mktemp("runs"), "first").folder


@pytest.fixture
def run(folder, tmp_path):
    """A copy that a test may break."""
    shutil.copytree(folder, tmp_path / "first")
    return Run(tmp_path / "first", read(folder).tables)


def test_the_report_has_the_content_of_the_folder(run):
    written = write_report(run, Registry())
    text = written.read_text(encoding="utf-8")
    assert written == run.report_file == run.folder / "report.html"
    for content in (
        "<b>11.50</b> nats per example, after epoch 1 of 1",
        "10.00 ± 0.50",
        "40 training, 12 validation",
    ):
        assert content in text
    assert f"probvae evaluate {run.folder} --samples 5000" in text
    assert write_report(run, Registry()).read_text(encoding="utf-8") == text


def test_the_command_writes_it_and_prints_where(run):
    ended = program("report", run.folder)
    assert (ended.status, ended.out) == (0, f"{run.folder}/report.html\n")
    assert run.report_file.exists()


def test_the_command_opens_it_in_a_browser(run, monkeypatch):
    opened = []
    monkeypatch.setattr("click.launch", opened.append)
    assert program("report", run.folder, "--open").status == 0
    assert opened == [run.report_file.as_uri()]


def test_an_error_lists_some_of_the_runs_in_a_folder(run, tmp_path):
    for number in range(7):
        (tmp_path / "sweep" / "runs" / str(number)).mkdir(parents=True)
        (tmp_path / "sweep" / "runs" / str(number) / "spec.toml").touch()
    ended = program("report", tmp_path / "sweep")
    assert re.search(r"Runs in it: \S+/sweep/runs/0, .*/sweep/runs/4 and 2 more\.$", ended.err.strip())


def test_a_folder_without_a_run_is_refused(tmp_path):
    ended = program("report", tmp_path)
    assert ended.status == 2
    assert f"{tmp_path}: expected a run that `probvae train` made" in ended.err


DEEP = '{"a": ' * 900 + "{}" + "}" * 900


@pytest.mark.parametrize(
    "content", ["{", "[1]", f'{{"x": {{"value": 1{"0" * 400}}}}}', DEEP], ids=lambda text: text[:9]
)
def test_a_damaged_evaluation_is_an_error_that_says_how_to_make_it_anew(content, run):
    run.evaluation_file.write_text(content)
    with pytest.raises(
        UserError, match=r"expected the numbers of an evaluation; got another file .*probvae evaluate"
    ):
        write_report(run)


def test_an_epoch_of_a_number_that_no_computation_takes_is_damaged(run):
    run.metrics_file.write_text(f'{json.dumps(ROW)}\n{{"epoch": 1{"0" * 400}}}\n{json.dumps(ROW)}\n')
    with pytest.raises(
        UserError, match=r"metrics\.jsonl:2: .*expected integers of at most 20 digits; got one of 401"
    ):
        write_report(run)


def test_a_report_that_cannot_be_written_says_what_to_do(run):
    run.report_file.unlink(missing_ok=True)
    run.report_file.mkdir()
    ended = program("report", run.folder)
    assert ended.status == 2
    assert f"{run.report_file} cannot be written: [Errno 21]" in ended.err
    assert ended.err.endswith("Report a copy of the run.\n")
    assert not list(run.folder.glob(".*report*"))


def test_after_each_epoch_the_report_has_that_epoch(run):
    run.evaluation_file.unlink()
    live = LiveReport(run, Registry())
    for epoch in (2, 3):
        with run.metrics_file.open("a") as file:
            file.write(json.dumps(ROW | {"epoch": epoch, "validation/loss": 10.0 / epoch}) + "\n")
        live.epoch_ended(None)
        assert f"after epoch {epoch} of {epoch}." in run.report_file.read_text()
        assert "The run is not evaluated yet" in run.report_file.read_text()


def test_a_report_that_fails_is_a_warning_with_the_reason(run, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("no such number")

    monkeypatch.setattr("probvae.report.page.render", fail)
    with pytest.warns(ReportWarning, match="report.html was not written: ZeroDivisionError: no such number"):
        assert try_report(run) is None
    assert not run.report_file.exists()
