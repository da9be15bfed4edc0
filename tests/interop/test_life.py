# SPDX-License-Identifier: Apache-2.0
"""A device's life by the command line, on served virtual chips: provisioned, spoilt, recovered, returned."""
import json
import os
import pathlib
import subprocess
import sys

import pytest
from conftest import BUILD, ROOT, served_chip

sys.path.insert(0, str(ROOT / "tests" / "cli"))
from run import make_image  # noqa: E402

PROFILE = "flash_encryption = yes\nmode = release\nrollback = yes\n"


class Bench:
    """A folder with a vault, a product and images, and the program in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C", "SLOTSEAL_VAULT": "sqlite:v.db",
                    "SLOTSEAL_VAULT_KEY": "file:vault.key"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        previous = os.getcwd()
        os.chdir(folder)
        make_image("boot.bin", "kind=bootloader", "flash=4")
        make_image("app.bin", "kind=app", "size=0x2000", "version=1.4")
        os.chdir(previous)
        (self.folder / "app.profile").write_text(PROFILE)
        self.table = str(ROOT / "examples" / "forum" / "partitions.csv")
        self.ok("vault", "init")
        self.ok("product", "add", "meter", "--table", self.table, "--flash-size", "4MB", "--secure-boot", "none")

    def run(self, *args, **extra):
        return subprocess.run([BUILD / "slotseal", *map(str, args)], cwd=self.folder, env=self.env,
                              capture_output=True, text=True, timeout=120, **extra)

    def ok(self, *args):
        done = self.run(*args)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def refused(self, words, *args, code=1):
        done = self.run(*args)
        assert done.returncode == code, done.stderr + done.stdout
        assert words in done.stderr, done.stderr
        return done

    def chip(self, name, seed, *options):
        self.ok("chip", "new", name, "--seed", seed, *options)
        return self.folder / name

    def images(self):
        return ["--bootloader", "boot.bin", "--app", "app.bin", "--profile", "app.profile"]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def mac_id(chip):
    """The id that a chip has by default."""
    efuse = (chip / "efuse.bin").read_bytes()
    return bytes([efuse[9], efuse[8], efuse[7], efuse[6], efuse[5], efuse[4]]).hex()


def spoil(chip, address, length, byte):
    with open(chip / "flash.bin", "r+b") as flash:
        flash.seek(address)
        flash.write(bytes([byte]) * length)


def test_recover(bench):
    chip = bench.chip("chip", 7)
    device = mac_id(chip)
    with served_chip(chip, "--rfc2217", "0") as port:
        bench.ok("provision", "--product", "meter", "--port", port, *bench.images(), "--confirm", device)
    recover = ["recover", "--device", device, "--bootloader", "boot.bin", "--app", "app.bin", "--profile", "app.profile"]
    efuses = (chip / "efuse.bin").read_bytes()
    spoil(chip, 0x1000, 0x1000, 0)
    spoil(chip, 0x10000, 0x1000, 0x55)
    assert "0x9000" not in bench.run("chip", "boot", chip).stdout
    with served_chip(chip, "--rfc2217", "0") as port:
        listing = bench.ok(*recover, "--port", port, "--dry-run")
        assert "bootloader   0x001000  differs" in listing
        assert "table        0x008000  as it should be" in listing
        report = json.loads(bench.ok(*recover, "--port", port, "--json"))
        assert report["written"] and report["key_seen"] and report["differing"] == 3  # otadata is as its first boot left it
        again = bench.ok(*recover, "--port", port)
        assert "holds everything already" in again
    assert (chip / "efuse.bin").read_bytes() == efuses  # nothing was burned
    booted = bench.run("chip", "boot", chip)
    assert booted.returncode == 0 and "1.4" in booted.stdout, booted.stdout
    # With nothing left on the flash that unseals, the vault's word has to be confirmed.
    for address in (0x1000, 0x8000, 0xD000, 0x10000):
        spoil(chip, address, 0x2000, 0)
    with served_chip(chip, "--rfc2217", "0") as port:
        bench.refused("nothing on it proves", *recover, "--port", port)
        bench.ok(*recover, "--port", port, "--confirm", device)
    # A revoked device gets nothing, another chip neither.
    other = bench.chip("other", 8)
    with served_chip(other, "--rfc2217", "0") as port:
        bench.refused(f"this is the chip {mac_id(other)}", *recover, "--port", port)
    bench.ok("device", "revoke", device, "--confirm", device)
    bench.refused("only a provisioned device is recovered", *recover, "--port", "socket://127.0.0.1:1")


def test_return(bench):
    chip = bench.chip("chip", 9)
    device = mac_id(chip)
    with served_chip(chip, "--rfc2217", "0") as port:
        bench.ok("provision", "--product", "meter", "--port", port, *bench.images(), "--confirm", device)
        bench.ok("flash", "read", "--port", port, "-s", "0x30000", "-o", "dump.bin")
    app = (bench.folder / "app.bin").read_bytes()
    assert app[:64] not in (bench.folder / "dump.bin").read_bytes()
    regions = json.loads(bench.ok("device", "return", device, "--flash", "dump.bin", "-o", "plain.bin", "--confirm",
                                  device, "--json"))["regions"]
    found = {r["name"]: r for r in regions}
    assert found["ota_0"]["version"] == "1.4" and found["bootloader"]["content"] == "image"
    assert (bench.folder / "plain.bin").read_bytes()[0x10000:0x10000 + len(app)] == app
    bench.refused("returned", "seal", "app.bin", "--device", device, "--slot", "ota_1", "-o", "x")
