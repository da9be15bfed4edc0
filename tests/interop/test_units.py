# SPDX-License-Identifier: Apache-2.0
"""The systemd units are well-formed and confine what they start."""
import re
import subprocess

import pytest

from conftest import BUILD, ONCE, ROOT

pytestmark = ONCE

UNITS = BUILD / "server" / "systemd"
SERVICES = ["slotseal.service", "slotseal-sealer.service"]


def test_units_are_valid(tmp_path):
    for unit in [*(UNITS / name for name in SERVICES), ROOT / "server/systemd/slotseal.socket"]:
        # The program need not be installed where the tests run.
        text, count = re.subn("ExecStart=/.*/bin/slotseal ", "ExecStart=/bin/true ", unit.read_text())
        assert count == (unit.name != "slotseal.socket")
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / name) for name in [*SERVICES, "slotseal.socket"]]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stop_is_the_supervisors_matter():
    """Otherwise systemd ends front and sealer at once, and downloads under way are cut."""
    assert "KillMode=mixed" in (UNITS / "slotseal.service").read_text().splitlines()


def test_a_server_without_a_vault_has_no_key():
    """What LoadCredential= does not find ends a service, unless SetCredential= has something in its place."""
    lines = (UNITS / "slotseal.service").read_text().splitlines()
    loaded = {line[len("LoadCredential="):].split(":")[0] for line in lines if line.startswith("LoadCredential=")}
    there = {line[len("SetCredential="):].split(":")[0] for line in lines if line.startswith("SetCredential=")}
    assert loaded == there == {"vault.key"}


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_hardened(service):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNITS / service)],
        capture_output=True, text=True)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert exposure and float(exposure[1]) < 2.0
