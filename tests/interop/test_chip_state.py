# SPDX-License-Identifier: Apache-2.0
"""What a virtual chip keeps without power, worn flash, planned power cuts and several chips, with the real esptool."""

import json
import subprocess

from conftest import BUILD, LIFE
from test_chip_serial import GENERATION, RANDOM, TRANSPORTS, Chip, chip, run  # noqa: F401 (chip is a fixture)

NO_RESET = ("--after", "no-reset" if GENERATION >= 5 else "no_reset")


def info(chip):
    return json.loads(run(BUILD / "slotseal", "chip", "info", chip.folder, "--json"))


def test_status_registers_outlive_power(chip):  # noqa: F811
    with chip.serve(*TRANSPORTS["tcp"]):
        chip.esptool("write_flash_status", "--bytes", "2", "--non-volatile", "0x240")
    assert info(chip)["flash_status"] == [0x40, 0x02, 0]
    with chip.serve(*TRANSPORTS["tcp"]):
        assert "0x0240" in chip.esptool(*NO_RESET, "read_flash_status", "--bytes", "2")


def test_volatile_status_does_not(chip):  # noqa: F811
    with chip.serve(*TRANSPORTS["tcp"]):
        chip.esptool("write_flash_status", "--bytes", "1", "0x04")
    assert info(chip)["flash_status"] == [0, 0, 0]


def test_worn_flash(chip, tmp_path):  # noqa: F811
    """Faults are found by what the tool itself verifies; wear is counted for what it erases."""
    first, second = tmp_path / "first.bin", tmp_path / "second.bin"
    first.write_bytes(RANDOM.randbytes(8192))
    second.write_bytes(RANDOM.randbytes(8192))
    with chip.serve(*TRANSPORTS["tcp"]):
        chip.esptool("write_flash", "0x10000", first)
    wear = info(chip)["wear"]
    assert wear["sectors_erased"] == 2
    assert {"address": 0x11000, "erased": 1} in wear["most_erased"]
    for fault in (("--stuck", "0x30000:0xff"), ("--worn", "0x10000"), ("--flips", "2000")):
        chip.control("fault", "--none")
        chip.control("fault", *fault)
        address = "0x30000" if fault[0] == "--stuck" else "0x10000"
        with chip.serve(*TRANSPORTS["tcp"]):
            text = chip.esptool("write_flash", address, second, fails=True)
        assert "MD5 of file does not match" in text or "does not match" in text, fault
    chip.control("fault", "--none")
    with chip.serve(*TRANSPORTS["tcp"]):
        chip.esptool("write_flash", "0x10000", second)


def test_cut_planned_before_serving(chip, tmp_path):  # noqa: F811
    data = tmp_path / "data.bin"
    data.write_bytes(RANDOM.randbytes(4096))
    chip.control("cut", "--at", "3", "--when", "after")
    with chip.serve(*TRANSPORTS["pty"]):
        chip.esptool("write_flash", "-u", "0x10000", data, fails=True)
        assert chip.flash(0x10000, 4096) == data.read_bytes()[:512] + b"\xff" * 3584
        chip.control("power", "on")
        chip.esptool("write_flash", "-u", "0x10000", data)
    assert info(chip)["cut"] is None


def test_several_chips_in_one_process(tmp_path):
    chips = [Chip(tmp_path / name, "--flash", "1MB") for name in ("a", "b", "c")]
    line = ["timeout", "--foreground", str(LIFE), BUILD / "slotseal", "chip", "serve", *(c.folder for c in chips),
            "--tcp", "0"]
    server = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        for c in chips:
            c.port, folder = server.stdout.readline().split()
            assert folder == str(c.folder)
        for i, c in enumerate(chips):
            data = tmp_path / "data.bin"
            data.write_bytes(bytes([i]) * 300)
            c.esptool("write_flash", "0x8000", data)
        assert len({c.port for c in chips}) == 3
    finally:
        server.terminate()
        assert server.wait(timeout=10) == 0
    for i, c in enumerate(chips):
        assert c.flash(0x8000, 300) == bytes([i]) * 300
