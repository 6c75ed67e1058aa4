import os

import pytest

from stages import cores
from stages.cores import allowed_cores, usable_cores


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Takes lines of ``/proc/self/cgroup`` and returns the folder of control groups."""
    listed, control = tmp_path / "cgroup", tmp_path / "control"
    monkeypatch.setattr(cores, "_GROUPS", listed)
    monkeypatch.setattr(cores, "_CONTROL", control)
    monkeypatch.setattr(cores, "allowed_cores", lambda: 16)

    def write(*lines):
        listed.write_text("".join(f"{line}\n" for line in lines))
        return control

    return write


def limit(group, **files):
    group.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (group / name.replace("__", ".")).write_text(f"{content}\n")


def test_cores_outside_the_affinity_mask_do_not_count():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert usable_cores() == allowed_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    ("quota", "count"),
    [("max 100000", 16), ("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1)],
)
def test_cpu_quota_is_converted_to_cores(groups, quota, count):
    control = groups("0::/system.slice/spotstream.service")
    limit(control / "system.slice" / "spotstream.service", cpu__max=quota)
    assert usable_cores() == count


def test_lowest_limit_among_the_parent_groups_applies(groups):
    control = groups("0::/a/b")
    limit(control / "a" / "b", cpu__max="800000 100000")
    limit(control / "a", cpu__max="300000 100000")
    assert usable_cores() == 3


def test_limit_at_the_root_applies_in_a_container(groups):
    control = groups("0::/docker/0a1b2c")
    limit(control, cpu__max="400000 100000")
    assert usable_cores() == 4


@pytest.mark.parametrize(("quota", "count"), [(-1, 16), (250000, 3)])
def test_quota_of_cgroup_v1_is_read(groups, quota, count):
    control = groups("9:memory:/jobs", "4:cpu,cpuacct:/jobs", "0::/")
    folder = control / "cpu,cpuacct" / "jobs"
    limit(folder, cpu__cfs_quota_us=quota, cpu__cfs_period_us=100000)
    assert usable_cores() == count


def test_unknown_limits_are_ignored(groups):
    assert usable_cores() == 16  # no such file
    control = groups("0::/")
    assert usable_cores() == 16
    limit(control, cpu__max="nonsense")
    assert usable_cores() == 16
