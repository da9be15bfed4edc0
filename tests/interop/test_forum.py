# SPDX-License-Identifier: Apache-2.0
"""The forum's procedure and its repair, by the real esptool, espefuse and espsecure, on virtual chips.

What `idf.py build` leaves is put there by the test: the demo firmware as app and, if the test material has one, a real
bootloader; what is missing is made up.
"""

import hashlib
import json
import os
import pathlib
import random
import shlex
import shutil
import string
import subprocess
import sys

import pytest
from conftest import BUILD, ROOT, SLOTSEAL, call_slotseal, served_chip

FORUM = ROOT / "examples/forum"
MATERIAL = pathlib.Path(os.environ.get("SS_TEST_MATERIAL", ROOT / "../shared"))
REAL = MATERIAL / "firmware/bootloader-idf-v3.2.bin"
TRUTH = MATERIAL / "boot-truth/enc-forum-procedure.json"
APP = BUILD / "firmware/demo-1.0.0.bin"
REFUSED = 3  # slotseal's exit status for "it does not boot"

# What each mistake leaves on the chip, and what of it only the commands show. Letters as in examples/forum/README.md.
ON_CHIP = {
    "bootloader-plaintext": "stops",  # A
    "crypt-config-missing": "stops",  # B
    "table-plaintext": "stops",  # C, D
    "app-sealed-then-signed": "stops",  # F
    "encryption-not-built-in": "risk",  # G
    "otadata-erased": "risk",  # H
    "secure-boot-not-armed": "risk",  # I
    "download-mode-open": "risk",  # J
    "jtag-open": "risk",  # J
}
IN_COMMANDS = {"plan-output-unused": "risk", "plan-table-unsigned": "risk", "plan-signs-ciphertext": "stops"}  # C, E, F


def image(size, load):
    """One segment, checksum and SHA-256."""
    body = random.Random(size).randbytes(size)
    checksum = 0xEF
    for byte in body:
        checksum ^= byte
    data = bytes([0xE9, 1, 2, 0x20]) + (0x40080400).to_bytes(4, "little") + b"\xee" + bytes(14) + b"\1"
    data += load.to_bytes(4, "little") + size.to_bytes(4, "little") + body
    data += bytes(15 - len(data) % 16) + bytes([checksum])
    return data + hashlib.sha256(data).digest()


def for_4mb(data):
    """The header of the real bootloader says 2 MB, and ota_1 ends beyond."""
    return data[:3] + bytes([data[3] & 0x0F | 0x20]) + data[4:]


def bootloader():
    if not REAL.exists():
        return image(20000, 0x40080400)
    data = for_4mb(REAL.read_bytes())
    assert data[23] == 1
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


def commands(plan, port):
    """The command lines of a plan, each with its words; $PORT is where the chip is served."""
    variables = {}
    for line in plan.read_text().replace("\\\n", " ").splitlines():
        words = shlex.split(string.Template(line).safe_substitute(variables), comments=True)
        name, assigned, value = words[0].partition("=") if len(words) == 1 else ("", "", "")
        if assigned:
            variables[name] = port if name == "PORT" else value
        elif words:
            yield words


class Bench:
    """A folder to work in, with a build, and a chip that is served while commands run."""

    def __init__(self, folder, name):
        self.folder = folder
        self.chip = folder / "chip"
        self.name = name
        if not self.chip.exists():
            call_slotseal("chip", "new", self.chip, "--flash", "4MB")

    def copy(self, folder):
        shutil.copytree(self.folder, folder)
        return Bench(folder, self.name)

    def build(self):
        """What the build makes; the signing key's public half is linked into the bootloader."""
        for part in ("bootloader", "partition_table"):
            self.folder.joinpath("build", part).mkdir(parents=True, exist_ok=True)
        self.folder.joinpath("build/bootloader/bootloader.bin").write_bytes(bootloader())
        call_slotseal("table", "build", FORUM / "partitions.csv", "--flash-size", "4MB", "-o",
                      self.folder / "build/partition_table/partition-table.bin")
        self.folder.joinpath("build/ota_data_initial.bin").write_bytes(b"\xff" * 0x2000)
        self.folder.joinpath("build/app.bin").write_bytes(APP.read_bytes() if APP.exists() else image(40000, 0x3F400020))
        text = FORUM.joinpath(self.name + ".profile").read_text()
        public = self.folder / "verification-key.bin"
        if public.exists():
            text += f"public_key = {public.read_bytes().hex()}\n"
        self.folder.joinpath("profile").write_text(text)

    def run(self, words):
        if words[0] == "idf.py":
            assert words == ["idf.py", "build"]
            self.build()
            return
        # By the names as they are written: every generation has to have them.
        program = SLOTSEAL if words[0] == "slotseal" else pathlib.Path(sys.executable).with_name(words[0])
        done = subprocess.run([program, *words[1:]], cwd=self.folder, input="BURN\n", text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, errors="replace")
        assert done.returncode == 0, f"{shlex.join(words)}: exit status {done.returncode}: {done.stdout[-2000:]}"

    def run_all(self, make_commands):
        """Runs what make_commands(port) gives, against the served chip."""
        with served_chip(self.chip, "--tcp", "0") as port:
            for words in make_commands(port):
                self.run(words)

    def boot(self, status=0):
        return json.loads(call_slotseal("chip", "boot", self.chip, "--profile", "profile", "--json", code=status,
                                        cwd=self.folder).stdout)

    def doctor(self, *options, status=0):
        report = json.loads(call_slotseal("doctor", *options, "--profile", "profile", "--json", code=status,
                                          cwd=self.folder).stdout)
        assert report["boots"] == (status == 0) and report["profile"] == "given"
        return report["findings"]

    def examine(self, status=0):
        return self.doctor(self.chip, status=status)

    def rehearse(self, status=0):
        """The plan beside the files of the build, before any command was run."""
        plan = self.folder / (self.name + ".plan")
        plan.write_bytes(FORUM.joinpath(plan.name).read_bytes())
        return self.doctor("--plan", plan, status=status)


def severities(findings):
    return {f["id"]: f["severity"] for f in findings}


def assert_runs(result):
    assert (result["outcome"], result["slot"], result["address"]) == ("app", "ota_0", 0x10000)
    assert not APP.exists() or result["app"] == {"project": "slotseal-demo", "version": "1.0.0"}
    assert not result["loops"] and all(stage["ok"] for stage in result["stages"])


@pytest.fixture(scope="module")
def dead(tmp_path_factory):
    """A chip after the forum's procedure, and what the doctor had said before it."""
    bench = Bench(tmp_path_factory.mktemp("forum"), "procedure")
    bench.build()
    before = bench.rehearse(status=REFUSED)
    bench.run_all(lambda port: commands(FORUM / "procedure.plan", port))
    return bench, before


def test_procedure_kills(dead):
    bench, _ = dead
    result = bench.boot(status=REFUSED)
    assert (result["outcome"], result["slot"], result["address"], result["app"]) == ("rom", None, None, None)
    assert result["log"][:2] == ["ets Jul 29 2019 12:21:46", "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)"]
    assert result["log"][2].startswith("invalid header: 0x")
    failed = [stage for stage in result["stages"] if not stage["ok"]]
    assert failed and all(stage["reason"] and stage["basis"] in ("observed", "source", "inferred") for stage in failed)


def test_doctor_names_every_mistake(dead):
    """From the plan before anything is done, and from the chip afterwards."""
    bench, before = dead
    assert severities(before) == {**IN_COMMANDS, **ON_CHIP}
    assert severities(bench.examine(status=REFUSED)) == ON_CHIP
    lines = FORUM.joinpath("procedure.plan").read_text().splitlines()
    for finding in before:
        if finding["id"] in IN_COMMANDS:
            expected = {"plan-output-unused": "encrypt_flash_data", "plan-signs-ciphertext": "sign_data",
                        "plan-table-unsigned": "write_flash 0x8000"}[finding["id"]]
            assert expected in lines[finding["line"] - 1]


def test_repair_of_the_dead(dead, tmp_path):
    """Only what the doctor prints, in the order of its findings, and what is built anyway."""
    bench = dead[0].copy(tmp_path / "repair")
    findings = bench.examine(status=REFUSED)
    stops = [f for f in findings if f["severity"] == "stops"]
    assert all(f["repair"] in ("flash", "burn") and f["commands"] for f in stops)
    for name, source in (("bootloader.bin", "build/bootloader/bootloader.bin"), ("app.bin", "build/app.bin"),
                         ("partitions.bin", "build/partition_table/partition-table.bin")):
        bench.folder.joinpath(name).write_bytes(bench.folder.joinpath(source).read_bytes())
    chosen = [c for f in findings if f["severity"] == "stops" or f["id"] == "otadata-erased" for c in f["commands"]]
    assert not [c for c in chosen if c.startswith("#")]  # the build is known, nothing is held back
    bench.run_all(lambda port: (shlex.split(c.replace("PORT", port)) for c in chosen))
    assert_runs(bench.boot())
    left = severities(bench.examine())
    assert set(left) <= {"encryption-not-built-in", "download-mode-open"}, left


def test_repair_without_encryption(tmp_path):
    """An unsigned app: espsecure signs it as the doctor words that."""
    bench = Bench(tmp_path, "procedure")
    call_slotseal("key", "generate", "--type", "secure-boot-v1", "-o", tmp_path / "signing-key.pem")
    call_slotseal("key", "public", "--key", tmp_path / "signing-key.pem", "-o", tmp_path / "verification-key.bin")
    bench.build()
    tmp_path.joinpath("app.bin").write_bytes(tmp_path.joinpath("build/app.bin").read_bytes())
    for address, file in (("0x1000", "bootloader/bootloader.bin"), ("0x8000", "partition_table/partition-table.bin"),
                          ("0x10000", "app.bin")):
        call_slotseal("chip", "load", bench.chip, address, tmp_path / "build" / file)
    stops = [f for f in bench.examine(status=REFUSED) if f["severity"] == "stops"]
    assert [f["id"] for f in stops] == ["app-unsigned"]
    bench.run_all(lambda port: (shlex.split(c.replace("PORT", port)) for c in stops[0]["commands"]))
    assert_runs(bench.boot())


def test_repaired_plan_boots(tmp_path):
    bench = Bench(tmp_path, "repaired")
    bench.build()
    assert severities(bench.rehearse()) == {"secure-boot-not-armed": "risk"}  # what the first boot does
    bench.run_all(lambda port: list(commands(FORUM / "repaired.plan", port))[:-1])
    assert_runs(bench.boot())
    second = bench.boot()
    assert_runs(second)
    assert second["resets"] == 0
    bench.run_all(lambda port: list(commands(FORUM / "repaired.plan", port))[-1:])  # "when it has booted"
    assert_runs(bench.boot())
    assert bench.examine() == []


@pytest.mark.skipif(not TRUTH.exists(), reason="no test material")
def test_truth(dead, tmp_path):
    """A real mask ROM died of the same: plaintext bootloader and table, sealed app, decryption on."""
    truth = json.loads(TRUTH.read_text())
    key = MATERIAL / "firmware/flash-key.bin"
    app = MATERIAL / "firmware/app-hello-world-v3.3-signed.bin"
    call_slotseal("seal", app, "--address", "0x10000", "--flash-key", key, "-o", tmp_path / "app.sealed")
    pieces = {"bootloader plain": for_4mb(REAL.read_bytes()),
              "table plain": MATERIAL.joinpath("firmware/forum-table.bin").read_bytes(),
              "app sealed": tmp_path.joinpath("app.sealed").read_bytes()}
    bench = Bench(tmp_path, "procedure")
    bench.build()
    flash = bytearray(b"\xff" * (4 << 20))
    for piece in truth["flash"]:
        at, data = int(piece["offset"], 16), pieces[piece["what"]]
        assert hashlib.sha256(data).hexdigest() == piece["sha256"]
        flash[at : at + len(data)] = data
    assert hashlib.sha256(flash).hexdigest() == truth["flash_sha256"]
    bench.chip.joinpath("flash.bin").write_bytes(flash)
    words = (int(word, 16).to_bytes(4, "little") for word in truth["efuse_words"])
    bench.chip.joinpath("efuse.bin").write_bytes(b"".join(words))
    result = bench.boot(status=REFUSED)
    assert not truth["boots"]
    assert result["outcome"] == dead[0].boot(status=REFUSED)["outcome"] == "rom"
    assert result["log"][0] == truth["log"][0]
    found = severities(bench.examine(status=REFUSED))
    assert {"bootloader-plaintext", "table-plaintext", "otadata-erased"} <= set(found)
    assert "crypt-config-missing" not in found
