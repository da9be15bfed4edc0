# SPDX-License-Identifier: Apache-2.0
"""Whole provisionings by the command line, on virtual chips behind real ports; afterwards the real esptool, espefuse and
espsecure read the chip and agree. And provisionings that are killed wherever they store or send something."""
import json
import os
import random
import subprocess
import sys

import pytest
from conftest import BUILD, GENERATION, ROOT, SLOTSEAL, call_slotseal, one_segment, served_chip, small_app
from watch import Watch

esptool = pytest.importorskip("esptool")

FAULTS = BUILD / "tests/slotseal-faults"
TABLE = ROOT / "examples/forum/partitions.csv"
TEMPLATE = ROOT / "firmware/demo/verification-key-template.bin"
TRANSPORTS = {"pty": (), "tcp": ("--tcp", "0"), "rfc2217": ("--rfc2217", "0")}
MAC = "240ac4000042"


def bootloader(rng, key):
    """@key is in it once, as the build links it."""
    body = bytearray(rng.randbytes(0x3000))
    body[256 : 256 + len(key)] = key
    return one_segment(0x40080400, body)


class Line:
    """One station: a vault with a product, images, and a chip on a port."""

    def __init__(self, folder, scheme="none", coding="none", encrypts="host-sealed", level="release", transport="rfc2217",
                 per_device=False, extra=()):
        self.folder, self.scheme, self.plan, self.level, self.transport = folder, scheme, encrypts, level, transport
        self.chip = folder / "chip"
        self.per_device, self.extra, self.port = per_device, extra, None
        self.environment = {**os.environ, "SLOTSEAL_VAULT": f"sqlite:{folder}/vault.db",
                            "SLOTSEAL_VAULT_KEY": f"file:{folder}/vault.key"}
        if per_device:
            self.environment["SLOTSEAL_VAULT_SIGNING_KEY"] = f"file:{folder}/signing.key"
        self.slotseal("chip", "new", self.chip, "--flash", "4MB", "--mac", ":".join(MAC[i : i + 2] for i in range(0, 12, 2)), "--coding", coding)
        self.slotseal("vault", "init")
        self.make_images()
        self.add_product()
        self.write_profile()
        self.reset = folder / "reset.sh"
        self.reset.write_text(f'#!/bin/sh\n[ "$1" = download ] && to=download || to=flash\n'
                              f"{SLOTSEAL} chip strap {self.chip} $to && {SLOTSEAL} chip reset {self.chip}\n")
        self.reset.chmod(0o700)

    def slotseal(self, *args, code=0, program=SLOTSEAL, environment=None):
        return call_slotseal(*args, code=code, program=program, env={**self.environment, **(environment or {})},
                             cwd=self.folder)

    def make_images(self):
        key = b""
        # Of this station alone: another one's images, at work meanwhile, are no leak of these.
        rng = random.Random(str(self.folder))
        if self.scheme == "v2":
            self.slotseal("key", "generate", "--type", "secure-boot-v2-rsa", "-o", "sign.pem")
        elif self.scheme != "none" and not self.per_device:
            self.slotseal("key", "generate", "--type", "secure-boot-v1", "-o", "sign.pem")
            self.slotseal("key", "public", "--key", "sign.pem", "-o", "public.bin")
            key = self.folder.joinpath("public.bin").read_bytes()
        elif self.per_device:
            key = TEMPLATE.read_bytes()
        self.folder.joinpath("bootloader.bin").write_bytes(bootloader(rng, key))
        self.folder.joinpath("app.bin").write_bytes(small_app(rng, 0x2000))
        if self.scheme == "v2":
            for name in ("bootloader.bin", "app.bin"):
                self.slotseal("sign", "--scheme", "v2", "--key", "sign.pem", name, "-o", "signed.bin")
                self.folder.joinpath("signed.bin").rename(self.folder / name)

    def add_product(self):
        sign = [] if self.scheme == "none" else ["--per-device-sign-keys"] if self.per_device else ["--sign-key", "sign.pem"]
        self.slotseal("product", "add", "lamp", "--table", TABLE, "--flash-size", "4MB", "--secure-boot", self.scheme, *sign)

    def write_profile(self):
        version, boot = ("v5.2", "v2") if self.scheme == "v2" else ("v4.0.1", "none" if self.scheme == "none" else "v1")
        text = f"idf_version = {version}\nsecure_boot = {boot}\nflash_encryption = yes\nrollback = yes\n"
        text += f"mode = {self.level}\n"
        public = self.folder / "public.bin"
        # The served chip boots with this, too; what a device of its own key has is seen at the first run.
        if public.exists():
            text += f"public_key = {public.read_bytes().hex()}\n"
        self.folder.joinpath("profile").write_text(text)

    def serve(self):
        return served_chip(self.chip, *TRANSPORTS[self.transport], "--profile", self.folder / "profile")

    def provision(self, port, *options, confirm=MAC, reset=True, **named):
        sign = ["--sign-key", "sign.pem"] if self.scheme.startswith("v1") and not self.per_device else []
        if self.per_device:
            sign = ["--replace-verification-key", TEMPLATE]
        way = ["--reset-command", self.reset] if reset and self.transport != "rfc2217" else []
        answer = ["--confirm", confirm] if confirm else []
        return self.slotseal("provision", "--product", "lamp", "--port", port, "--profile", "profile", "--bootloader",
                             "bootloader.bin", "--app", "app.bin", "--plan", self.plan, "--level", self.level, *sign, *way,
                             *answer, *self.extra, *options, **named)

    def word(self, index):
        """A word of BLOCK0 as burned; the served chip's file is the chip."""
        return int.from_bytes(self.chip.joinpath("efuse.bin").read_bytes()[4 * index : 4 * index + 4], "little")

    def expect_provisioned(self):
        assert (self.word(0) >> 20 & 0x7F).bit_count() % 2 == 1
        assert self.word(5) >> 28 == 15
        assert bool(self.word(6) & 0x10) == self.scheme.startswith("v1")
        assert bool(self.word(6) & 0x20) == (self.scheme == "v2")
        state = json.loads(self.slotseal("device", "show", MAC, "--json").stdout)
        assert state["state"] == "provisioned"


def python_tool(name, *args):
    done = subprocess.run([sys.executable, "-m", name, *map(str, args)], capture_output=True, text=True, timeout=60,
                          check=False, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def spelled(word):
    return word.replace("_", "-") if GENERATION >= 5 else word


def read_by_tools(line, port):
    """eFuses by espefuse; bootloader, table and app by esptool, decrypted by espsecure with the key out of the vault."""
    line.slotseal("chip", "strap", line.chip, "download")
    line.slotseal("chip", "reset", line.chip)
    before = ["--before", spelled("no_reset")] if line.transport == "pty" else []
    text = python_tool("espefuse", "--port", port, *before, "summary", "--format", "json")
    summary = json.loads(text[text.index("{") : text.rindex("}") + 1])
    line.slotseal("chip", "reset", line.chip)
    python_tool("esptool", "--port", port, *before, spelled("read_flash"), "0x1000", "0x12000", line.folder / "read.bin")
    line.slotseal("device", "export", MAC, "--confirm", MAC, "-o", "flash-key.bin")
    return summary, line.folder.joinpath("read.bin").read_bytes()


def decrypt(line, data, address):
    line.folder.joinpath("part.bin").write_bytes(data)
    python_tool("espsecure", spelled("decrypt_flash_data"), "--keyfile", line.folder / "flash-key.bin", "--address",
                hex(address), "--output", line.folder / "plain.bin", line.folder / "part.bin")
    return line.folder.joinpath("plain.bin").read_bytes()


CASES = {
    "sealed-reflashable-pty": {"scheme": "v1-reflashable", "transport": "pty"},
    "encrypts-none-tcp": {"encrypts": "device-encrypts", "transport": "tcp"},
    "sealed-own-keys-pty": {"scheme": "v1-one-time", "per_device": True, "transport": "pty", "level": "development"},
    "encrypts-one-time-development": {"encrypts": "device-encrypts", "scheme": "v1-one-time", "level": "development"},
    "sealed-v2-tcp": {"scheme": "v2", "transport": "tcp"},
    "sealed-34-rfc2217": {"scheme": "v1-reflashable", "coding": "3/4"},
    "encrypts-34-pty": {"coding": "3/4", "encrypts": "device-encrypts", "level": "development", "transport": "pty"},
}
# Not over RFC 2217, where pyserial waits 0.3 s for each command.
WITH_TOOLS = {"sealed-reflashable-pty", "encrypts-none-tcp"}


@pytest.mark.parametrize("name", CASES)
def test_end_to_end(tmp_path, name):
    if GENERATION < 5 and name not in WITH_TOOLS:
        pytest.skip("esptool has no part in it: once is enough")
    line = Line(tmp_path, **CASES[name])
    with line.serve() as port:
        said = line.provision(port).stdout
        assert f"device {MAC} is provisioned" in said
        assert "rehearsal: every step done on a virtual chip" in said
        burned = line.chip.joinpath("efuse.bin").read_bytes()
        # Once more: everything is found done, nobody is asked, nothing is burned.
        again = json.loads(line.provision(port, "--json", confirm=None).stdout)
        assert again["provisioned"] is True
        assert line.chip.joinpath("efuse.bin").read_bytes() == burned
        line.expect_provisioned()
        if name in WITH_TOOLS:
            compare(line, *read_by_tools(line, port))


def compare(line, summary, flash):
    assert summary["BLOCK1"]["readable"] is False and summary["BLOCK1"]["writeable"] is False
    assert summary["FLASH_CRYPT_CONFIG"]["value"] in (15, "0xf")
    assert summary["FLASH_CRYPT_CNT"]["value"] in (1, "0b0000001", 127)
    assert summary["ABS_DONE_0"]["value"] == (line.scheme != "none")
    for name in ("DISABLE_DL_DECRYPT", "DISABLE_DL_CACHE", "JTAG_DISABLE", "CONSOLE_DEBUG_DISABLE", "DISABLE_DL_ENCRYPT"):
        assert summary[name]["value"] is True, name
    bootloader = line.folder.joinpath("bootloader.bin").read_bytes()
    assert decrypt(line, flash[:0x4000], 0x1000)[: len(bootloader)] == bootloader
    app = line.folder.joinpath("app.bin").read_bytes()
    assert decrypt(line, flash[0xF000:0x12000], 0x10000)[: len(app)] == app
    assert decrypt(line, flash[0x7000:0x8000], 0x8000)[:2] == b"\xaa\x50"


@pytest.mark.skipif(GENERATION < 5, reason="esptool has no part in it: once is enough")
class TestAlone:
    def test_nothing_happens_without_the_devices_id(self, tmp_path):
        line = Line(tmp_path)
        with line.serve() as port:
            blank = line.chip.joinpath("efuse.bin").read_bytes()
            refused = line.provision(port, confirm="240ac4000043", code=1)
            assert "--confirm 240ac4000043 is not 240ac4000042: nothing was done" in refused.stderr
            said = json.loads(line.provision(port, "--json", confirm="240ac4000043", code=1).stdout)
            assert said == {"device": MAC, "provisioned": False, "rehearsed": True, "step": "flash-key",
                            "error": "step flash-key: not confirmed: nothing was burned"}
            shown = line.provision(port, "--dry-run", confirm=None).stdout
            assert "rehearsal: every step done" in shown and "espefuse --port PORT burn-efuse FLASH_CRYPT_CNT" in shown
            assert line.chip.joinpath("efuse.bin").read_bytes() == blank
        assert set(line.chip.joinpath("flash.bin").read_bytes()) == {0xFF}

    def test_without_a_way_to_reset_nothing_is_begun(self, tmp_path):
        line = Line(tmp_path, transport="pty")
        with line.serve() as port:
            before = (line.chip / "efuse.bin").read_bytes()
            subprocess.run([line.reset, "download"], check=True)
            done = line.provision(port, reset=False, code=1)
            assert "nothing was begun: the port has no way to reset the chip" in done.stderr
            assert (line.chip / "efuse.bin").read_bytes() == before
            line.provision(port)
        line.expect_provisioned()

    def test_a_port_without_a_chip_is_told_as_json_too(self, tmp_path):
        said = json.loads(Line(tmp_path).provision("nothing", "--json", code=1).stdout)
        assert (said["device"], said["provisioned"], said["step"]) == (None, False, None)
        assert said["error"].startswith("nothing: ")

    def test_another_vaults_chip_is_left_alone_and_explained(self, tmp_path):
        ours, theirs = Line(make(tmp_path / "ours")), Line(make(tmp_path / "theirs"))
        with ours.serve() as port:
            ours.provision(port)
            before = ours.chip.joinpath("efuse.bin").read_bytes(), ours.chip.joinpath("flash.bin").read_bytes()
            refused = theirs.provision(port, code=1)
            assert "BLOCK1 is read-protected, and the journal does not say" in refused.stderr
            assert "[bootloader-unknown" in refused.stdout or "not-checkable" in refused.stdout
            said = json.loads(theirs.provision(port, "--json", code=1).stdout)
            assert (said["provisioned"], said["rehearsed"], said["step"]) == (False, False, None)
            assert "BLOCK1 is read-protected" in said["error"]
            after = ours.chip.joinpath("efuse.bin").read_bytes(), ours.chip.joinpath("flash.bin").read_bytes()
            assert before == after

    @pytest.mark.parametrize("fault", ["provision:act=2", "provision:acted=1", "journal:commit=2",
                                       "journal:done=2"])
    def test_killed_at_every_step(self, tmp_path, fault):
        """Each run comes one step further than the one before, and is killed there."""
        line = Line(tmp_path, scheme="v1-reflashable")
        with line.serve() as port:
            for _ in range(14):
                done = line.provision(port, code=None, program=FAULTS, environment={"SLOTSEAL_FAULT": fault})
                assert done.returncode == -9, done.stderr
            line.provision(port)
            line.expect_provisioned()

    def test_killed_in_every_transaction(self, tmp_path):
        line = Line(tmp_path, scheme="v1-one-time", per_device=True)
        points = [f"{name}:{phase}" for name in ("device-add", "device-state", "flash-key-new", "flash-key-use",
                                                 "signing-key-new", "device-update", "signing-key-use")
                  for phase in ("begin", "commit", "done")]
        with line.serve() as port:
            # The last two are those of a chip that is done: its record is brought up to date.
            for point in [*points, "device-update:commit=1", "device-state:commit"]:
                done = line.provision(port, code=None, program=FAULTS, environment={"SLOTSEAL_FAULT": point})
                assert done.returncode == -9, f"{point}: {done.stderr}"
            line.provision(port)
            line.expect_provisioned()


    def test_no_secret_is_left_behind(self, tmp_path):
        """Neither in files nor in the arguments or environment of a process, while it runs and afterwards."""
        watch = Watch(tmp_path)
        work = tmp_path / "work"
        line = Line(work, scheme="v1-reflashable")
        watch.env.update({name: line.environment[name] for name in ("SLOTSEAL_VAULT", "SLOTSEAL_VAULT_KEY")})
        key = random.SystemRandom().randbytes(32)
        line.folder.joinpath("flash.key").touch(mode=0o600)
        line.folder.joinpath("flash.key").write_bytes(key)
        line.slotseal("device", "import", "--product", "lamp", "--device", MAC, "--flash-key", "flash.key")
        line.slotseal("key", "digest", "--key", "sign.pem", "-o", "boot.key")
        # The chip itself has both keys burned.
        watch.secret("flash key", key, work / "flash.key", line.chip / "efuse.bin")
        watch.secret("secure boot key", (work / "boot.key").read_bytes(), work / "boot.key", line.chip / "efuse.bin")
        watch.secret("vault key", (work / "vault.key").read_bytes(), work / "vault.key")
        app = (work / "app.bin").read_bytes()
        for at in (0x400, 0x1000, 0x1F00):
            watch.secret("plaintext", app[at : at + 16], work / "app.bin")
        watch.secret("plaintext of the bootloader", (work / "bootloader.bin").read_bytes()[0x800:0x810],
                     work / "bootloader.bin")
        arguments = ["provision", "--product", "lamp", "--profile", "profile", "--bootloader", "bootloader.bin", "--app",
                     "app.bin", "--sign-key", "sign.pem"]
        with line.serve() as port:
            watch.run(SLOTSEAL, *arguments, "--port", port, "--dry-run", "--json")
            watch.run(SLOTSEAL, *arguments, "--port", port, "--confirm", MAC)
            line.expect_provisioned()
        assert watch.check() == []


def make(folder):
    folder.mkdir()
    return folder
