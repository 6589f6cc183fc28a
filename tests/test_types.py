"""Type checkers see the types of the public names: in user files, new plugins, documentation and mistakes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from probvae.scaffold import PLACES, PluginNames, render

ROOT = Path(__file__).parents[1]
TYPED = ROOT / "tests" / "typed"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ONE_PROGRAM = {"faq.md", "tutorial.md"}
"""The pages whose code is one program, in parts."""


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """The errors and warnings of basedpyright, in its standard mode: (file, line) -> rules."""
    folder = tmp_path_factory.mktemp("user")
    for path in TYPED.glob("*.py"):
        (folder / path.name).write_text(path.read_text(encoding="utf-8"))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```$", text, re.S | re.M)
        for number, code in enumerate(["\n".join(blocks)] if page.name in ONE_PROGRAM else blocks):
            if code.startswith(('"""', "import ", "from ")):  # whole files only
                named = re.match(r'"""(\w+\.py): ', code)
                (folder / (named[1] if named else f"{page.stem}_{number}.py")).write_text(code)
    for kind in PLACES:
        for path, text in render(PluginNames(f"own_{kind}"), "0.1", kind).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    config = {"typeCheckingMode": "standard", "extraPaths": [str(ROOT)], "reportMissingImports": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "-p", str(folder), "--pythonpath"]
    done = subprocess.run([*command, sys.executable], capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(list(folder.rglob("*.py"))) > 15
    rules: dict[tuple[str, int], list[str]] = {}
    for found in report["generalDiagnostics"]:
        if "KerasTensor" in found["message"]:  # the types of keras.ops are inferred over all backends
            continue
        place = (Path(found["file"]).name, found["range"]["start"]["line"] + 1)
        rules.setdefault(place, []).append(found.get("rule", found["message"]))
    return rules


def test_a_plugin_a_users_script_and_the_documentation_have_no_type_error(reported):
    assert {place: rules for place, rules in reported.items() if place[0] != "mistakes.py"} == {}


def test_mistakes_are_reported_where_they_are(reported):
    lines = (TYPED / "mistakes.py").read_text(encoding="utf-8").splitlines()
    expected = {
        ("mistakes.py", number): sorted(re.findall(r"report\w+", line))
        for number, line in enumerate(lines, 1)
        if "# report" in line
    }
    assert len(expected) > 8
    assert {place: sorted(rules) for place, rules in reported.items() if place[0] == "mistakes.py"} == expected
