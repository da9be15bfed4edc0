# SPDX-License-Identifier: Apache-2.0
"""The virtual chip's serial loader and eFuses against the real esptool, espefuse and espsecure, unmodified."""

import contextlib
import json
import os
import pathlib
import random
import subprocess
import sys

import pytest
from conftest import served_chip

esptool = pytest.importorskip("esptool")

SLOTSEAL = pathlib.Path(os.environ["SS_BUILD_DIR"]).resolve() / "slotseal"
GENERATION = int(esptool.__version__.split(".")[0])
RANDOM = random.Random(7)


def run(*args, fails=False, timeout=60, **options):
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=timeout, check=False, **options)
    assert (done.returncode != 0) == fails, f"exit status {done.returncode}: {done.stdout[-2000:]}"
    return done.stdout


def python_tool(name, *args, **options):
    """The tools join the words of a command by _ up to 4.x, by - from 5.0 on."""
    words = [str(a) for a in args]
    if GENERATION >= 5:
        words = [w.replace("_", "-") if w in COMMANDS else w for w in words]
    return run(sys.executable, "-m", name, *words, **options)


COMMANDS = {"flash_id", "read_mac", "chip_id", "write_flash", "read_flash", "verify_flash", "erase_flash",
            "erase_region", "read_flash_status", "write_flash_status", "get_security_info", "read_reg", "write_mem",
            "read_mem", "dump_mem", "burn_key", "burn_key_digest", "burn_efuse", "burn_bit", "burn_block_data",
            "burn_custom_mac", "get_custom_mac", "read_protect_efuse", "write_protect_efuse", "check_error",
            "adc_info", "no_reset", "encrypt_flash_data", "generate_signing_key"}


class Chip:
    def __init__(self, folder, *options):
        self.folder = folder
        self.port = None
        run(SLOTSEAL, "chip", "new", folder, *options)

    @contextlib.contextmanager
    def serve(self, *options):
        with served_chip(self.folder, *options) as self.port:
            yield self
        self.port = None

    def esptool(self, *args, **options):
        port = self.port + ("?ign_set_control" if self.port.startswith("rfc2217") else "")
        before = ("--before", "no-reset" if GENERATION >= 5 else "no_reset") if port.startswith("/") else ()
        return python_tool("esptool", "--port", port, *before, *args, **options)

    def espefuse(self, *args, **options):
        return python_tool("espefuse", "--port", self.port, "--do-not-confirm", *args, **options)

    def control(self, *args):
        return run(SLOTSEAL, "chip", args[0], self.folder, *args[1:])

    def flash(self, address, size):
        return self.folder.joinpath("flash.bin").read_bytes()[address : address + size]

    def field(self, name):
        shown = json.loads(run(SLOTSEAL, "chip", "efuse", self.folder, "--json"))
        return next(f for f in shown["fields"] if f["name"] == name)

    def key_words(self, block):
        """A key block as burned, in the order of a key file."""
        start = 28 + 32 * (block - 1)
        return self.folder.joinpath("efuse.bin").read_bytes()[start : start + 32][::-1]


@pytest.fixture
def chip(tmp_path):
    return Chip(tmp_path / "chip")


TRANSPORTS = {"pty": ("--download",), "tcp": ("--tcp", "0"), "rfc2217": ("--rfc2217", "0")}


@pytest.mark.parametrize("transport", ["pty", "tcp"])
def test_detect(chip, transport):
    with chip.serve(*TRANSPORTS[transport]):
        text = chip.esptool("flash_id")
    assert "ESP32-D0WD" in text and "revision v3.0" in text
    assert "24:0a:c4:" in text
    assert "Device: 4016" in text and "4MB" in text
    assert "40MHz" in text
    assert "Stub" in text or "stub" in text


def test_rfc2217_writes_and_resets(chip, tmp_path):
    """By DTR and RTS into the loader, and out of it again. pyserial waits 0.3 s before each command here: one run."""
    data = tmp_path / "data.bin"
    data.write_bytes(RANDOM.randbytes(9000))
    with chip.serve("--rfc2217", "0"):
        text = chip.esptool("--baud", "921600", "write_flash", "0x10000", data)
        assert "Hash of data verified" in text and "Hard resetting" in text
        assert "ESP32-D0WD" in text and "40MHz" in text
        assert chip.flash(0x10000, 9000) == data.read_bytes()


@pytest.mark.parametrize("stub", [True, False], ids=["stub", "rom"])
@pytest.mark.parametrize("transport", ["pty", "tcp"])
def test_flash(chip, tmp_path, transport, stub):
    """Compressed and raw, read back, verified by MD5, erased; with another baud rate."""
    options = ["--chip", "esp32", "--baud", "460800"] + ([] if stub else ["--no-stub"])
    mixed, noise, out = tmp_path / "mixed.bin", tmp_path / "noise.bin", tmp_path / "out.bin"
    mixed.write_bytes(RANDOM.randbytes(20000) + bytes(50000) + b"slotseal " * 1000)
    noise.write_bytes(RANDOM.randbytes(10001))
    with chip.serve(*TRANSPORTS[transport]):
        text = chip.esptool(*options, "write_flash", "-z", "0x10000", mixed)
        assert "Compressed" in text and "Hash of data verified" in text
        text = chip.esptool(*options, "write_flash", "-u", "0x40000", noise)
        assert "Hash of data verified" in text
        assert chip.flash(0x10000, mixed.stat().st_size) == mixed.read_bytes()
        assert chip.flash(0x40000, 10001) == noise.read_bytes()
        chip.esptool(*options, "read_flash", "0x40000", 10001 if stub else 300, out)
        assert out.read_bytes() == noise.read_bytes()[: out.stat().st_size]
        chip.esptool(*options, "verify_flash", "0x40000", noise)
        chip.esptool(*options, "verify_flash", "0x41000", noise, fails=True)
        if stub:
            chip.esptool(*options, "erase_region", "0x41000", "0x1000")
            assert chip.flash(0x41000, 0x1000) == b"\xff" * 0x1000
            assert chip.flash(0x40000, 0x1000) == noise.read_bytes()[:0x1000]
            chip.esptool(*options, "erase_flash")
            assert chip.flash(0, 4 << 20) == b"\xff" * (4 << 20)


def test_registers_and_memory(chip, tmp_path):
    out = tmp_path / "memory.bin"
    with chip.serve("--tcp", "0"):
        rom = ("--no-stub",)
        assert "24:0a:c4:" in chip.esptool(*rom, "read_mac")
        text = chip.esptool(*rom, "read_mem", "0x40001000")
        assert "0x00f01d83" in text
        chip.esptool(*rom, "dump_mem", "0x3FF5A000", "28", out)
        assert out.read_bytes() == chip.folder.joinpath("efuse.bin").read_bytes()[:28]
        chip.esptool(*rom, "write_flash_status", "--bytes", "2", "--non-volatile", "0x240")
        assert "0x0240" in chip.esptool("--after", "no-reset" if GENERATION >= 5 else "no_reset",
                                        "read_flash_status", "--bytes", "2")
        chip.esptool(*rom, "get_security_info", fails=True)


def test_power_cut(chip, tmp_path):
    """The power fails while a sector is written: the tool fails, and afterwards the chip is as good as new."""
    data = tmp_path / "data.bin"
    data.write_bytes(RANDOM.randbytes(8192))
    with chip.serve(*TRANSPORTS["pty"]):
        chip.control("cut", "--at", "5")
        text = chip.esptool("write_flash", "-u", "0x10000", data, fails=True)
        assert "Hash of data verified" not in text
        written = chip.flash(0x10000, 8192)
        assert written[:512] == data.read_bytes()[:512] and written[0x600:] == b"\xff" * (8192 - 0x600)
        chip.esptool("--connect-attempts", "1", "flash_id", fails=True)
        chip.control("power", "on")
        assert "Hash of data verified" in chip.esptool("write_flash", "-u", "0x10000", data)


def test_summary_and_dump(chip, tmp_path):
    dump, own = tmp_path / "efuse.dump", tmp_path / "own.dump"
    with chip.serve(*TRANSPORTS["pty"]):
        text = chip.espefuse("summary")
        assert "24:0a:c4:" in text and "(CRC 0x" in text and "OK)" in text
        shown = chip.espefuse("summary", "--format", "json")
        fields = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
        assert fields["FLASH_CRYPT_CNT"]["value"] == 0 and fields["FLASH_CRYPT_CNT"]["writeable"]
        chip.espefuse("dump", "--format", "joint", "--file_name" if GENERATION < 5 else "--file-name", dump)
        chip.espefuse("check_error")
    run(SLOTSEAL, "chip", "dump", chip.folder, "--efuse", own)
    assert dump.read_bytes() == own.read_bytes()


@pytest.mark.parametrize("coding", ["none", "3/4"])
def test_keys(tmp_path, coding):
    """A protected key is out of reach for software; what cannot be burned is refused."""
    chip = Chip(tmp_path / "chip", "--coding", coding)
    size = 32 if coding == "none" else 24
    keys = []
    for name in ("flash.key", "other.key", "boot.key"):
        keys.append(tmp_path / name)
        keys[-1].write_bytes(RANDOM.randbytes(size))
    with chip.serve(*TRANSPORTS["pty"]):
        chip.espefuse("burn_key", "flash_encryption", keys[0])
        chip.espefuse("burn_key", "flash_encryption", keys[1], fails=True)
        chip.espefuse("burn_key", "secure_boot_v1", keys[2], "--no-protect-key")
        wrong = tmp_path / "wrong.key"
        wrong.write_bytes(bytes(size - 8))
        chip.espefuse("burn_key", "BLOCK3", wrong, fails=True)
        chip.espefuse("read_protect_efuse", "BLOCK2")
        chip.espefuse("write_protect_efuse", "JTAG_DISABLE", "FLASH_CRYPT_CNT")
        chip.espefuse("burn_efuse", "JTAG_DISABLE", "1", fails=True)
        chip.espefuse("burn_efuse", "FLASH_CRYPT_CNT", fails=True)
        assert "?? ??" in chip.espefuse("summary")
    assert not chip.field("BLOCK1")["readable"] and not chip.field("BLOCK1")["writeable"]
    assert not chip.field("BLOCK2")["readable"] and chip.field("BLOCK2")["writeable"]
    assert chip.field("JTAG_DISABLE")["value"] == 0 and not chip.field("JTAG_DISABLE")["writeable"]
    if coding == "none":
        assert chip.key_words(1) == keys[0].read_bytes()
        assert chip.key_words(2) == keys[2].read_bytes()


def test_other_burns(chip, tmp_path):
    block = tmp_path / "block.bin"
    block.write_bytes(RANDOM.randbytes(32))
    with chip.serve("--tcp", "0"):
        chip.espefuse("burn_efuse", "JTAG_DISABLE", "1", "CONSOLE_DEBUG_DISABLE", "1")
        chip.espefuse("burn_efuse", "FLASH_CRYPT_CNT", "3")
        chip.espefuse("burn_efuse", "FLASH_CRYPT_CNT", "1", fails=True)  # would have to clear a bit
        chip.espefuse("burn_efuse", "NO_SUCH_FIELD", "1", fails=True)
        chip.espefuse("burn_bit", "BLOCK2", "0", "33")
        chip.espefuse("burn_custom_mac", "aa:cd:ef:01:02:03")
        assert "aa:cd:ef:01:02:03" in chip.espefuse("get_custom_mac")
        chip.espefuse("burn_block_data", "BLOCK1", block)
    assert chip.field("JTAG_DISABLE")["value"] == 1
    assert chip.field("FLASH_CRYPT_CNT")["value"] == 3
    assert chip.field("CUSTOM_MAC")["value"] == "aa:cd:ef:01:02:03"
    assert chip.key_words(1)[::-1] == block.read_bytes()
    assert chip.key_words(2)[::-1][:8] == bytes([1, 0, 0, 0, 2, 0, 0, 0])


def test_key_digest(tmp_path):
    """Secure boot V2 needs revision 3 and no coding."""
    pem = tmp_path / "key.pem"
    python_tool("espsecure", "generate_signing_key", "--version", "2", pem)
    for name, options, fails in (("good", (), False), ("old", ("--rev", "1.0"), True),
                                 ("coded", ("--coding", "3/4"), True)):
        chip = Chip(tmp_path / name, *options)
        with chip.serve("--tcp", "0"):
            chip.espefuse("burn_key_digest", pem, fails=fails)
        blank = chip.key_words(2) == bytes(32)
        assert blank == fails


def test_encrypted_write(chip, tmp_path):
    """The chip seals what it is sent by --encrypt with the key that software cannot read: same bytes as espsecure."""
    key, plain, sealed = tmp_path / "flash.key", tmp_path / "plain.bin", tmp_path / "sealed.bin"
    key.write_bytes(RANDOM.randbytes(32))
    plain.write_bytes(RANDOM.randbytes(3000) + bytes(5192))
    python_tool("espsecure", "encrypt_flash_data", "-k", key, "-a", "0x10000", "-o", sealed, plain)
    with chip.serve(*TRANSPORTS["pty"]):
        chip.espefuse("burn_key", "flash_encryption", key)
        chip.espefuse("burn_efuse", "FLASH_CRYPT_CONFIG", "0xF")
        for compress in ("-u", "-z"):
            chip.esptool("erase_region", "0x10000", "0x2000")
            chip.esptool("write_flash", compress, "--encrypt", "0x10000", plain)
            assert chip.flash(0x10000, 8192) == sealed.read_bytes()
        chip.espefuse("burn_efuse", "DISABLE_DL_ENCRYPT", "1")
        chip.esptool("erase_region", "0x10000", "0x2000")
        chip.esptool("write_flash", "--encrypt", "0x10000", plain, fails=True)
        assert chip.flash(0x10000, 8192) == b"\xff" * 8192


@pytest.mark.parametrize("revision, reachable", [("1.0", True), ("3.0", False)])
def test_download_mode_disabled(tmp_path, revision, reachable):
    """The eFuse does something from revision 3 on."""
    chip = Chip(tmp_path / "chip", "--rev", revision)
    with chip.serve("--tcp", "0"):
        chip.espefuse("burn_efuse", "UART_DOWNLOAD_DIS", "1")
        chip.esptool("--connect-attempts", "1", "flash_id", fails=not reachable)


@pytest.mark.parametrize("coding", ["none", "3/4"])
def test_doctor_reads_what_espefuse_writes(tmp_path, coding):
    """The summary in JSON, from the screen and from a file, and both kinds of dump: the same findings."""
    chip = Chip(tmp_path / "chip", "--coding", coding, "--rev", "1.0")
    key, screen = tmp_path / "flash.key", tmp_path / "screen.txt"
    saved, joint = tmp_path / "summary.json", tmp_path / "joint.bin"
    key.write_bytes(RANDOM.randbytes(32 if coding == "none" else 24))
    with chip.serve("--tcp", "0"):
        chip.espefuse("burn_key", "flash_encryption", key)
        chip.espefuse("burn_efuse", "FLASH_CRYPT_CNT", "1", "DISABLE_DL_CACHE", "1", "UART_DOWNLOAD_DIS", "1")
        chip.espefuse("write_protect_efuse", "DISABLE_DL_ENCRYPT")
        screen.write_text(chip.espefuse("summary", "--format", "json"))
        chip.espefuse("summary", "--format", "json", "--file", saved)
        chip.espefuse("dump", "--format", "joint", "--file_name" if GENERATION < 5 else "--file-name", joint)
    run(SLOTSEAL, "chip", "dump", chip.folder, "--flash", tmp_path / "flash.bin", "--efuse", tmp_path / "own.bin")
    assert tmp_path.joinpath("own.bin").read_bytes() == joint.read_bytes()
    reports = []
    for efuses in (joint, screen, saved):
        done = subprocess.run([SLOTSEAL, "doctor", "--efuse", efuses, "--flash", tmp_path / "flash.bin", "--json"],
                              capture_output=True, check=False)
        assert done.returncode == 3, done.stderr
        reports.append(json.loads(done.stdout))
    found = {f["id"] for f in reports[0]["findings"]}
    assert "crypt-config-missing" in found and "bootloader-missing" in found
    assert reports[1] == reports[0] and reports[2] == reports[0]
