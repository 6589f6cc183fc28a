"""The memory that is left is the least that any limit leaves."""

from pathlib import Path

import pytest

from probvae.core.memory import available_memory

GB = 10**9


@pytest.fixture
def machine(tmp_path):
    """Makes the files of a machine: its free memory, the process's groups, and the files of these."""

    def make(groups: str, **files: str) -> Path:
        contents = {"proc/meminfo": f"MemTotal: 99 kB\nMemAvailable: {20 * GB // 1024} kB\n"}
        contents |= {"proc/self/cgroup": groups}
        contents |= {f"sys/fs/cgroup/{name}": content for name, content in files.items()}
        for name, content in contents.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return make


def about(size):
    return pytest.approx(size, abs=1024)


def test_a_machine_without_limits_has_what_it_says(machine):
    assert available_memory(machine("0::/\n")) == about(20 * GB)


def test_a_container_has_what_its_group_leaves_and_cached_files_count_as_free(machine):
    files = {"a/memory.max": f"{5 * GB}\n", "a/memory.current": f"{3 * GB}\n"}
    files |= {"a/memory.stat": f"anon 7\ninactive_file {GB}\n"}
    assert available_memory(machine("0::/a/b\n", **files)) == 3 * GB


def test_a_group_without_a_limit_does_not_limit(machine):
    files = {"a/memory.max": "max\n", "a/memory.current": f"{3 * GB}\n"}
    assert available_memory(machine("0::/a\n", **files)) == about(20 * GB)


def test_groups_of_the_first_version_limit_too(machine):
    files = {"memory/memory.limit_in_bytes": f"{2**63 - 4096}\n", "memory/memory.usage_in_bytes": "5\n"}
    root = machine("4:cpu:/x\n3:memory:/a\n", **files)
    assert available_memory(root) == about(20 * GB)
    files = {"memory/a/memory.limit_in_bytes": f"{4 * GB}\n", "memory/a/memory.usage_in_bytes": f"{GB}\n"}
    assert available_memory(machine("3:memory:/a\n", **files)) == 3 * GB


def test_what_is_over_its_limit_already_has_nothing_left(machine):
    files = {"a/memory.max": f"{GB}\n", "a/memory.current": f"{2 * GB}\n"}
    assert available_memory(machine("0::/a\n", **files)) == 0


def test_a_system_that_says_nothing_is_not_guessed_at(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "other")
    assert available_memory(tmp_path) is None
