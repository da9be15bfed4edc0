# SPDX-License-Identifier: Apache-2.0
"""The client of the ROM loader on a served virtual chip, and the real esptool and espefuse on the same chip: what one
writes or burns the other reads."""

import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from test_chip_serial import GENERATION, RANDOM, SLOTSEAL, TRANSPORTS, Chip, run


class LinkedChip(Chip):
    """With the commands of the client on the port it is served on."""

    def __init__(self, *args):
        super().__init__(*args)
        self.id = self.field("MAC")["value"].replace(":", "")

    def ours(self, *args, code=0, timeout=60):
        # The words of a command come first.
        line = [str(a) for a in (SLOTSEAL, *args[:2], "--port", self.port, *args[2:])]
        done = subprocess.run(line, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == code, f"exit status {done.returncode}: {done.stdout} {done.stderr}"
        return done

    def burn(self, *args, **options):
        return self.ours("efuse", "burn", "--confirm", self.id, *args, **options)

    def protect(self, *args, **options):
        return self.ours("efuse", "protect", "--confirm", self.id, *args, **options)

    def efuses(self):
        return self.folder.joinpath("efuse.bin").read_bytes()


@pytest.fixture
def chip(tmp_path):
    return LinkedChip(tmp_path / "chip")


@pytest.fixture
def files(tmp_path):
    """One file that gets smaller, one that does not, one of an odd length."""
    made = {"mixed": RANDOM.randbytes(30000) + bytes(90000) + b"slotseal " * 3000, "noise": RANDOM.randbytes(70001)}
    for name, content in made.items():
        tmp_path.joinpath(name).write_bytes(content)
    return {name: tmp_path / name for name in made}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_flash_both_ways(chip, files, tmp_path, transport):
    out = tmp_path / "out.bin"
    baud = ("--baud", "2000000") if transport != "tcp" else ()
    with chip.serve(*TRANSPORTS[transport]):
        who = json.loads(chip.ours("flash", "id", "--json", *baud).stdout)
        assert who["device"] == chip.id and who["mac_valid"] and who["name"] == "ESP32-D0WDQ6-V3"
        assert who["revision"] == "3.0" and who["crystal_mhz"] == 40 and who["coding"] == "none"
        assert who["flash"] == {"id": "ef4016", "manufacturer": "Winbond", "size": 4 << 20, "sfdp_size": 4 << 20}
        chip.ours("flash", "write", *baud, "0x10000", files["mixed"], "0x60000", files["noise"])
        assert chip.flash(0x10000, files["mixed"].stat().st_size) == files["mixed"].read_bytes()
        assert chip.flash(0x60000, 70001) == files["noise"].read_bytes()
        chip.ours("flash", "verify", *baud, "0x10000", files["mixed"], "0x60000", files["noise"])
        chip.ours("flash", "verify", "0x11000", files["mixed"], code=3)
        if transport != "rfc2217":  # where pyserial waits before every command
            chip.esptool("--no-stub", "verify_flash", "0x60000", files["noise"])
            chip.esptool("write_flash", "0x10000", files["mixed"])
        chip.ours("flash", "verify", "0x10000", files["mixed"])
        chip.ours("flash", "read", *baud, "-a", "0x10000", "-s", 33333, "-o", out)
        assert out.read_bytes() == files["mixed"].read_bytes()[:33333]
        chip.ours("flash", "erase", "-a", "0x11000", "-s", "0x20000")
        assert chip.flash(0x11000, 0x20000) == b"\xff" * 0x20000
        assert chip.flash(0x10000, 0x1000) == files["mixed"].read_bytes()[:0x1000]


@pytest.mark.parametrize("coding", ["none", "3/4"])
def test_burns_like_espefuse(tmp_path, coding):
    """Two chips of one seed, burned by either tool, are the same chip."""
    ours = LinkedChip(tmp_path / "ours", "--coding", coding)
    theirs = LinkedChip(tmp_path / "theirs", "--coding", coding)
    size = 32 if coding == "none" else 24
    flash_key, boot_key, block = tmp_path / "flash.key", tmp_path / "boot.key", tmp_path / "block.bin"
    for path in (flash_key, boot_key, block):
        path.write_bytes(RANDOM.randbytes(size))
        path.chmod(0o600)
    assert ours.efuses() == theirs.efuses()
    with ours.serve(*TRANSPORTS["pty"]):
        ours.burn("flash_encryption", flash_key, "secure_boot_v1", boot_key, "BLOCK3", block)
        ours.protect("--read", "--write", "flash_encryption", "secure_boot_v1")
        ours.protect("--write", "BLOCK3")
        ours.burn("FLASH_CRYPT_CONFIG", "0xF", "JTAG_DISABLE", "1", "FLASH_CRYPT_CNT", "1", "DISABLE_DL_CACHE", "1")
        ours.protect("--write", "FLASH_CRYPT_CNT")
        summary = ours.espefuse("summary", "--format", "json")
        dump = tmp_path / "dump"
        ours.ours("efuse", "show", "--dump", dump)
    with theirs.serve(*TRANSPORTS["pty"]):
        theirs.espefuse("burn_key", "flash_encryption", flash_key, "secure_boot_v1", boot_key, "BLOCK3", block)
        theirs.espefuse("burn_efuse", "FLASH_CRYPT_CONFIG", "0xF", "JTAG_DISABLE", "1", "DISABLE_DL_CACHE", "1")
        theirs.espefuse("burn_efuse", "FLASH_CRYPT_CNT", "1")
        theirs.espefuse("write_protect_efuse", "FLASH_CRYPT_CNT")
        other = theirs.espefuse("summary", "--format", "json")
        shown = json.loads(theirs.ours("efuse", "show", "--json").stdout)
    assert ours.efuses() == theirs.efuses()
    assert summary[summary.index("{") :] == other[other.index("{") :]
    fields = {f["name"]: f for f in shown["fields"]}
    assert shown["device"] == theirs.id and shown["flash_encryption"] and shown["dec_status"] == 0
    assert fields["BLOCK1"]["value"] == "(read-protected)" and not fields["BLOCK1"]["writeable"]
    assert fields["FLASH_CRYPT_CONFIG"]["value"] == 0xF
    # What espefuse dumps is what ours dumps.
    with ours.serve(*TRANSPORTS["pty"]):
        ours.espefuse("dump", "--format", "joint", "--file_name" if GENERATION < 5 else "--file-name",
                      tmp_path / "joint")
    assert tmp_path.joinpath("joint").read_bytes() == dump.read_bytes()


def test_what_cannot_be_burned_is_refused(chip, tmp_path):
    """With the reason, and before anything is burned."""
    keys = []
    for name in ("a.key", "b.key", "short.key", "zero.key"):
        keys.append(tmp_path / name)
        keys[-1].write_bytes(bytes(32) if name == "zero.key" else RANDOM.randbytes(24 if name == "short.key" else 32))
        keys[-1].chmod(0o600)
    with chip.serve(*TRANSPORTS["tcp"]):
        chip.burn("flash_encryption", keys[0])
        chip.burn("WR_DIS", "0x4000")
        state = chip.efuses()

        def refused(*args, says, command=chip.burn, code=1):
            done = command(*args, code=code)
            assert says in done.stderr, done.stderr
            assert chip.efuses() == state

        again = chip.burn("flash_encryption", keys[0])
        assert "everything is there already" in again.stdout and chip.efuses() == state
        refused("flash_encryption", keys[1], says="BLOCK1 has bits set that cannot be cleared")
        refused("flash_encryption", keys[2], says="takes 32")
        refused("secure_boot_v1", keys[3], says="one byte repeated")
        refused("JTAG_DISABLE", "1", "FLASH_CRYPT_CNT", "1", says="JTAG_DISABLE is write-protected")
        refused("JTAG_DISABLE", "2", says="does not fit the 1 bits")
        refused("NO_SUCH", "1", says="no eFuse field is called NO_SUCH", code=2)
        refused("JTAG_DISABLE", "1", "FLASH_CRYPT_CNT", says="has no value", code=2)
        refused("--write", "NO_SUCH", says="no eFuse field", command=chip.protect, code=2)
        refused("--read", "JTAG_DISABLE", says="cannot be read-protected", command=chip.protect)
        # Without the id nothing is burned, and a dry run does not ask.
        for words, says in ((("--confirm", "240ac4000000"), "is not " + chip.id), ((), "has to be confirmed")):
            done = chip.ours("efuse", "burn", *words, "FLASH_CRYPT_CNT", "1", code=1)
            assert says in done.stderr and chip.efuses() == state
        plan = json.loads(chip.ours("efuse", "burn", "--dry-run", "--json", "FLASH_CRYPT_CNT", "1").stdout)
        assert plan["changes"] == [{"name": "FLASH_CRYPT_CNT", "before": 0, "after": 1, "note": ""}]
        assert plan["dry_run"] and not plan["burned"] and chip.efuses() == state
        chip.protect("--read", "BLOCK1")
        state = chip.efuses()
        refused("flash_encryption", keys[1], says="BLOCK1 is read-protected: what is there cannot be told")
        done = chip.ours("efuse", "protect", "-n", "--write", "FLASH_CRYPT_CNT").stdout
        assert "write-protects FLASH_CRYPT_CNT, UART_DOWNLOAD_DIS" in done


def test_power_cut_and_resume(chip, files):
    """The chip loses its power at a page; with it again, the same command goes on."""
    with chip.serve(*TRANSPORTS["pty"]):
        chip.control("cut", "--at", "285")
        done = chip.ours("flash", "write", "0x10000", files["noise"], code=1)
        assert "--resume" in done.stderr
        chip.control("power", "on")
        text = chip.ours("flash", "write", "--resume", "0x10000", files["noise"]).stdout
        assert "65536 were there" in text
        assert chip.flash(0x10000, 70001) == files["noise"].read_bytes()


def test_killed_and_resumed(chip, tmp_path):
    """The host's end dies in the middle of a write, at no moment in particular."""
    data = tmp_path / "large.bin"
    data.write_bytes(RANDOM.randbytes(0x150000))
    with chip.serve(*TRANSPORTS["rfc2217"]):
        line = [SLOTSEAL, "flash", "write", "--port", chip.port, "0x10000", data]
        for wait in (0.3, 0.36):
            p = subprocess.Popen([str(a) for a in line], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(wait)
            p.send_signal(signal.SIGKILL)
            p.wait()
        chip.ours("flash", "write", "--resume", "0x10000", data)
        assert chip.flash(0x10000, 0x150000) == data.read_bytes()


def cable(port, to_chip=1 << 30, from_chip=1 << 30):
    """A line to @port that breaks once so many bytes have gone either way; what to open instead."""
    listening = socket.create_server(("127.0.0.1", 0))

    def carry():
        host, _ = listening.accept()
        chip = socket.create_connection(("127.0.0.1", int(port.rsplit(":", 1)[1])))
        left = {host: to_chip, chip: from_chip}
        while min(left.values()) > 0:
            for ready in select.select([host, chip], [], [])[0]:
                data = ready.recv(4096)
                left[ready] -= len(data) or left[ready]
                (host if ready is chip else chip).sendall(data)
        for s in (host, chip, listening):
            s.close()

    threading.Thread(target=carry, daemon=True).start()
    return f"socket://127.0.0.1:{listening.getsockname()[1]}"


def test_cable_pulled(chip, files):
    """In the middle of reading and of writing; a write goes on where it was."""
    out = files["mixed"].with_name("out")
    with chip.serve(*TRANSPORTS["tcp"]):
        whole = chip.port
        chip.ours("flash", "write", "0x10000", files["mixed"])
        chip.port = cable(whole, from_chip=20000)
        done = chip.ours("flash", "read", "-a", "0x10000", "-s", "0x10000", "-o", out, code=1)
        assert "the port is gone" in done.stderr and "plug the cable in again" in done.stderr
        assert not out.exists()
        # In the second of its regions of 64 KiB.
        chip.port = cable(whole, to_chip=72500)
        done = chip.ours("flash", "write", "0x10000", files["noise"], code=1)
        assert "the port is gone" in done.stderr and "--resume" in done.stderr
        chip.port = whole
        text = chip.ours("flash", "write", "--resume", "0x10000", files["noise"]).stdout
        assert "65536 were there" in text
        assert chip.flash(0x10000, 70001) == files["noise"].read_bytes()


def test_plaintext_for_a_chip_that_decrypts(chip, tmp_path):
    """Refused before anything is erased, as are files that belong into no flash."""
    table, key = tmp_path / "table.bin", tmp_path / "key.pem"
    csv = tmp_path / "table.csv"
    csv.write_text("nvs, data, nvs, 0x9000, 0x4000\notadata, data, ota, 0xd000, 0x2000\n"
                   "ota_0, 0, ota_0, 0x10000, 0x150000\nota_1, 0, ota_1, 0x160000, 0x150000\n")
    run(SLOTSEAL, "table", "build", csv, "-o", table)
    key.write_text("-----BEGIN EC PRIVATE KEY-----\n")
    with chip.serve(*TRANSPORTS["tcp"]):
        chip.ours("flash", "write", "0x8000", table)
        written = chip.flash(0, 4 << 20)
        done = chip.ours("flash", "write", "0x10000", key, code=1)
        assert "is no content for flash" in done.stderr
        chip.burn("FLASH_CRYPT_CNT", "1")
        done = chip.ours("flash", "write", "0x9000", table, code=1)
        assert "is plaintext" in done.stderr and "slotseal seal" in done.stderr
        done = chip.ours("flash", "write", "0x9000", table, "0x9800", table, code=1)
        assert "overlap" in done.stderr
        done = chip.ours("flash", "write", "0x3ff000", table, "0x400000", table, code=1)
        assert "flash ends at 0x400000" in done.stderr
        done = chip.ours("flash", "write", "0x9010", table, "--force", code=1)
        assert "no multiple of 4096" in done.stderr
        assert chip.flash(0, 4 << 20) == written
        chip.ours("flash", "write", "0x9000", table, "--force")


@pytest.mark.parametrize("coding", ["none", "3/4"])
def test_doctor_on_a_port(tmp_path, coding):
    """The same findings as from dumps of the same chip."""
    chip = LinkedChip(tmp_path / "chip", "--coding", coding)
    key = tmp_path / "flash.key"
    key.write_bytes(RANDOM.randbytes(32 if coding == "none" else 24))
    key.chmod(0o600)
    flash, efuse = tmp_path / "flash.bin", tmp_path / "efuse.bin"
    with chip.serve(*TRANSPORTS["rfc2217"]):
        chip.burn("flash_encryption", key, "FLASH_CRYPT_CNT", "1")
        chip.protect("--read", "flash_encryption")
        chip.ours("flash", "write", "0x1000", key, "0x10000", key)
        done = subprocess.run([SLOTSEAL, "doctor", "--port", chip.port, "--json"], capture_output=True, check=False)
        assert done.returncode == 3, done.stderr
    run(SLOTSEAL, "chip", "dump", chip.folder, "--flash", flash, "--efuse", efuse)
    dumped = subprocess.run([SLOTSEAL, "doctor", "--efuse", efuse, "--flash", flash, "--json"], capture_output=True,
                            check=False)
    assert json.loads(done.stdout) == json.loads(dumped.stdout)
    assert "crypt-config-missing" in {f["id"] for f in json.loads(done.stdout)["findings"]}


def test_reset_by_command(chip, tmp_path):
    """A jig with relays: a pty has no wires, and the chip runs until the command has reset it."""
    jig = tmp_path / "jig"
    jig.write_text(f"""#!/bin/sh
case $1 in download) state=download ;; run) state=flash ;; esac
echo "$1" >> {tmp_path}/calls
{SLOTSEAL} chip strap {chip.folder} $state && {SLOTSEAL} chip reset {chip.folder}
""")
    jig.chmod(0o755)
    with chip.serve():
        done = chip.ours("flash", "id", code=1)
        assert "no way to" in done.stderr and "reset command" in done.stderr
        done = chip.ours("flash", "id", "--reset-command", jig, "--after", "run", "--json")
        assert json.loads(done.stdout)["device"] == chip.id
        assert tmp_path.joinpath("calls").read_text() == "download\nrun\n"
        done = chip.ours("flash", "id", "--reset-command", "false", code=1)
        assert "the reset command failed: false download" in done.stderr
        chip.ours("flash", "id", "--reset", "manual", code=2)
        chip.ours("flash", "id", "--reset", "none", "--reset-command", jig, code=2)
        chip.ours("flash", "id", "--baud", "3000000", code=2)


def on_terminal(*args, answers=()):
    """Runs it with a terminal as its standard input and error; answers each of the questions by doing something and
    typing what that returns. What was shown, and the exit status."""
    ours, its = pty.openpty()
    p = subprocess.Popen([str(a) for a in args], stdin=its, stdout=subprocess.DEVNULL, stderr=its)
    os.close(its)
    shown, left = b"", list(answers)
    with contextlib.suppress(OSError):  # EIO when the other end is closed
        while chunk := os.read(ours, 4096):
            shown += chunk
            if left and left[0][0] in shown:
                os.write(ours, left.pop(0)[1]().encode() + b"\n")
    os.close(ours)
    return shown.decode(errors="replace"), p.wait(timeout=10)


def test_at_a_terminal(chip, files):
    """A person resets the board, sees how far it is, and types what is to be burned."""
    with chip.serve():

        def reset(state):
            run(SLOTSEAL, "chip", "strap", chip.folder, state)
            run(SLOTSEAL, "chip", "reset", chip.folder)
            return ""

        shown, code = on_terminal(SLOTSEAL, "flash", "write", "-p", chip.port, "--reset", "manual", "--after", "run",
                                  "0x10000", files["mixed"], answers=[(b"Hold BOOT", lambda: reset("download")),
                                                                      (b"Press and release EN", lambda: reset("flash"))])
        assert code == 0, shown
        assert "writing" in shown and "100% of" in shown and files["mixed"].name in shown
        assert chip.flash(0x10000, 1000) == files["mixed"].read_bytes()[:1000]
    with chip.serve("--download"):
        burn = (SLOTSEAL, "efuse", "burn", "-p", chip.port, "JTAG_DISABLE", "1")
        shown, code = on_terminal(*burn, answers=[(b"Type its id", lambda: "240ac4")])
        assert code == 1 and "nothing was done" in shown
        shown, code = on_terminal(*burn, answers=[(b"Type its id", lambda: chip.id)])
        assert code == 0 and f"burns eFuses, for ever, of {chip.id}" in shown
    assert chip.field("JTAG_DISABLE")["value"] == 1


# Its wires are those of a pseudo-terminal, which has none.
WIRELESS = """
import runpy, sys, serial.serialposix as posix
posix.Serial._update_dtr_state = posix.Serial._update_rts_state = lambda self: None
posix.Serial.cts = posix.Serial.dsr = posix.Serial.ri = posix.Serial.cd = property(lambda self: False)
sys.argv = ["esp_rfc2217_server", "-p", sys.argv[2], sys.argv[1]]
runpy.run_module("esp_rfc2217_server", run_name="__main__")
"""


def test_esptools_rfc2217_server(chip, files):
    """Which answers no command for DTR and RTS."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    with chip.serve(*TRANSPORTS["pty"]):
        server = subprocess.Popen([sys.executable, "-c", WIRELESS, chip.port, str(number)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            chip.port = f"rfc2217://localhost:{number}"
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", number), 1):
                    break
                time.sleep(0.1)
            chip.ours("flash", "write", "--baud", "921600", "0x10000", files["noise"])
        finally:
            server.terminate()
            server.wait()
    assert chip.flash(0x10000, 70001) == files["noise"].read_bytes()


def test_boot_mode_is_told(chip):
    """A board whose GPIO0 is not wired to DTR starts what is in its flash instead of its loader."""
    with chip.serve(*TRANSPORTS["rfc2217"]):
        # As seen by a client that has resets of its own, but none that reaches GPIO0.
        done = chip.ours("flash", "id", "--reset-command", f"{SLOTSEAL} chip reset {chip.folder} #", code=1)
    assert "started in boot mode 0x13" in done.stderr and "hold the BOOT button" in done.stderr
