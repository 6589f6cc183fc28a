"""What the program prints arrives in any encoding, whether or not anybody reads it."""

import contextlib
import io
import os
import subprocess
import sys

import pytest

from probvae.cli.output import Output, robust_output
from probvae.cli.start import without_notes
from probvae.runs.signals import end_at_once

PROGRAM = (sys.executable, "-m", "probvae")
ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "utf-8": {"PYTHONIOENCODING": "utf-8"},
    "C": {"LC_ALL": "C"},
    "C without UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def run(*arguments, **environment):
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, check=False, env=os.environ | environment)


def test_an_interruption_is_reported_while_notes_are_kept_off_the_standard_error(capfd, monkeypatch):
    monkeypatch.setattr(os, "_exit", lambda status: None)
    with without_notes():
        end_at_once(2)
        assert "Interrupted." in capfd.readouterr().err
    end_at_once(2)
    assert "Interrupted." in capfd.readouterr().err


@pytest.fixture
def letters(folder):
    """A component whose first line has what few encodings have."""
    path = folder / "greek.py"
    path.write_text(
        """
import probvae
@probvae.register("dataset", "letters")
class Letters:
    '''β ± 1 by Sønderby, Müller and 王.'''
""",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("environment", ENCODINGS.values(), ids=ENCODINGS)
def test_a_list_is_printed_in_any_encoding(environment, letters):
    ended = run("list", "dataset", "--plugin", str(letters), **environment)
    assert (ended.returncode, ended.stderr) == (0, b"")
    (line,) = [line for line in ended.stdout.splitlines() if b"greek.letters" in line]
    encoding = environment.get("PYTHONIOENCODING", "utf-8" if len(environment) == 1 else "ascii")
    text = line.decode(encoding)
    for character, plain in {"β": "beta", "±": "+/-", "ø": "o", "ü": "u", "王": "\\u738b"}.items():
        assert (character if encodable(character, encoding) else plain) in text


def encodable(character, encoding):
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.slow
def test_a_training_prints_to_a_pipe_of_windows(tiny):
    ended = run("train", str(tiny), PYTHONIOENCODING="cp1252")
    assert (ended.returncode, ended.stderr) == (0, b"")
    text = ended.stdout.decode("cp1252")
    assert "beta 1.00" in text
    assert "mean ± standard error" in text


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("arguments", "status"), [("list prior", 0), ("lsit", 2)])
def test_a_stream_that_is_closed_from_the_start_changes_no_status(closed, arguments, status):
    command = f'exec "{sys.executable}" -m probvae {arguments} {closed}'
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode == status


def test_a_command_that_needs_tensorflow_works_without_any_stream():
    command = f'exec "{sys.executable}" -m probvae show prior mixture <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


def test_a_file_does_not_get_the_number_of_a_closed_stream():
    """Messages of native code, which go to number 2, would be written into it."""
    code = """
import os
from probvae.cli.output import robust_output
robust_output()
with open(os.devnull) as file:
    assert file.fileno() > 2
"""
    command = f'exec "{sys.executable}" -c "$0" <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command, code], check=False).returncode == 0


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_work_continues_without_a_reader(closed):
    """As after `| head`, or when the terminal of a training is closed."""
    reader, writer = os.pipe()
    os.close(reader)
    code = f"""
import sys
from probvae.cli.output import robust_output
robust_output()
for _ in range(3):
    print("x" * 100_000, file=sys.{closed}, flush=True)
sys.exit(5)
"""
    other = {"stdout": "stderr", "stderr": "stdout"}[closed]
    ended = subprocess.run([sys.executable, "-c", code], check=False, **{closed: writer, other: subprocess.PIPE})
    os.close(writer)
    assert (ended.returncode, getattr(ended, other)) == (5, b"")


def test_a_command_whose_reader_has_gone_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run([*PROGRAM, "list"], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_an_error():
    with open("/dev/full", "w") as full:
        ended = subprocess.run([*PROGRAM, "list"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 1
    assert b"No space left on device. Make room on the disk, and start the same command again" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_file_name_that_is_no_text_is_printed():
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    out = Output(stream)
    out.write("caf\udce9.toml")
    out.flush()
    assert stream.buffer.getvalue() == b"caf\\udce9.toml"


def test_what_is_no_stream_of_the_system_is_left_alone():
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        robust_output()
        assert (sys.stdout, sys.stderr) == (out, err)
