# SPDX-License-Identifier: Apache-2.0
"""A device of the forum's kind (its table, keys of its own, flash encryption, secure boot V1), provisioned once on a
virtual chip; updates for it; and the chip run by `slotseal sim run` against a scripted server."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess

from conftest import ROOT, SLOTSEAL, call_slotseal, one_segment, served_chip
from ddi_server import Authority, DdiServer, Device, Offer

TABLE = ROOT / "examples/forum/partitions.csv"
TEMPLATE = ROOT / "firmware/demo/verification-key-template.bin"
MAC = "240ac4000042"
PRODUCT = "lamp"
SLOTS = {"ota_0": 0x10000, "ota_1": 0x160000}
PINS = b"\xa5slotseal-pins\x01\xc3"  # device/pins.h
KEY_SET_MAX = 2816
WINDOW = 44 * 1024  # of the forum's slots
# Several windows, the last one not whole.
SIZE = 3 * WINDOW + 5000


def app(version, size, seed=0):
    """An app with a verification key to be replaced and an empty block of pins, and no code: nothing executes it here."""
    descriptor = b"\x32\x54\xcd\xab" + bytes(12) + version.encode().ljust(32, b"\0") + b"lamp".ljust(32, b"\0") + bytes(176)
    pins = PINS + KEY_SET_MAX.to_bytes(4, "little") + bytes(4 + KEY_SET_MAX)
    rest = random.Random(f"{version} {seed}").randbytes(size)
    return one_segment(0x3F400020, descriptor + TEMPLATE.read_bytes() + pins + rest)


class Keys:
    """Statement keys by name, made when they are asked for; files NAME.pem and NAME.pub."""

    def __init__(self, bench):
        self.bench = bench

    def __call__(self, *names):
        for name in names:
            if not (self.bench.folder / f"{name}.pub").exists():
                self.bench.slotseal("key", "generate", "--type", "secure-boot-v1", "-o", f"{name}.pem")
                self.bench.slotseal("key", "public", "--key", f"{name}.pem", "--scheme", "v2", "-o", f"{name}.pub")
        return ",".join(f"{name}.pub" for name in names)


class Bench:
    CREDENTIAL = ()  # options of provision; a token if there are none

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "SLOTSEAL_VAULT": f"sqlite:{folder}/vault.db",
                            "SLOTSEAL_VAULT_KEY": f"file:{folder}/vault.key",
                            "SLOTSEAL_VAULT_SIGNING_KEY": f"file:{folder}/signing.key"}
        self.keys, self.parcels, self.sets = Keys(self), {}, {}
        self.authority = Authority(folder, "ca")
        self.certificate = self.authority.server()
        self.server = DdiServer(self.certificate)
        self.key_set("first.keys", "--product", PRODUCT, "--root-keys", self.keys("root-a", "root-b", "root-c"),
                     "--threshold", "2", "--release-keys", self.keys("release"), "--delivery-keys", self.keys("delivery"),
                     roots=("root-a", "root-b"))
        folder.joinpath("profile").write_text("idf_version = v4.0.1\nsecure_boot = v1\nflash_encryption = yes\n"
                                              "mode = release\nrollback = yes\n")
        folder.joinpath("no-rollback").write_text(folder.joinpath("profile").read_text().replace("rollback = yes", ""))
        self.provision()

    def slotseal(self, *args, code=0):
        return call_slotseal(*args, code=code, env=self.environment, cwd=self.folder)

    # -- The device ----------------------------------------------------------------------------------------------------

    def provision(self):
        pair = [MAC[i : i + 2] for i in range(0, 12, 2)]
        self.slotseal("vault", "init")
        self.slotseal("product", "add", PRODUCT, "--table", TABLE, "--flash-size", "4MB", "--secure-boot", "v1-one-time",
                      "--per-device-sign-keys")
        self.slotseal("chip", "new", "chip", "--flash", "4MB", "--mac", ":".join(pair))
        subprocess.run([ROOT / "examples/forum/stand-in-bootloader.py", TEMPLATE, self.folder / "bootloader.bin"], check=True)
        first = self.pinned("1.0.0", 0x2000)
        with served_chip(self.folder / "chip", "--rfc2217", "0") as port:
            self.slotseal("provision", "--product", PRODUCT, "--port", port, "--profile", "profile", "--bootloader",
                          "bootloader.bin", "--app", first, "--replace-verification-key", TEMPLATE, "--update-server",
                          self.server.url, "--ca", self.authority.pem, *self.CREDENTIAL, "--confirm", MAC)
        if self.CREDENTIAL:
            return
        flash = self.folder.joinpath("chip/flash.bin").read_bytes()
        at = flash.index(b"token\0", 0x9000, 0xD000) - 8 + 32  # slotseal/nvs.h
        self.token = flash[at : at + 43].decode()

    def chip(self, to):
        """A copy of the chip as it was provisioned, and a server that knows it and has nothing else."""
        shutil.copytree(self.folder / "chip", to, ignore=shutil.ignore_patterns("*.sock", "control*"))
        self.server.devices = {MAC: Device(self.token)}
        self.server.requests, self.server.bend = [], None
        self.server.key_sets, self.server.cas, self.server.tell_key_set = {}, {}, False
        return Chip(self, to)

    # -- What is made for it -------------------------------------------------------------------------------------------

    def key_set(self, name, *options, roots, in_force=None):
        """A key set statement in the file @name, signed by @roots."""
        self.slotseal("keyset", "new", *options, "-o", f"{name}.0")
        for i, root in enumerate(roots):
            old = ["--in-force", in_force] if in_force else []
            self.slotseal("keyset", "sign", f"{name}.{i}", "--key", f"{root}.pem", *old, "-o", f"{name}.{i + 1}")
        self.folder.joinpath(f"{name}.{len(roots)}").rename(self.folder / name)
        return self.folder.joinpath(name).read_bytes()

    def pinned(self, version, size, seed=0, key_set="first.keys"):
        """File of an app with its first key set in. @size may be the path of a built one."""
        built = isinstance(size, pathlib.Path)
        self.folder.joinpath("plain.bin").write_bytes(size.read_bytes() if built else app(version, size, seed))
        name = f"{version}-{size.stem if built else size}-{seed}-{key_set}.bin"
        self.slotseal("keyset", "embed", "plain.bin", "--key-set", key_set, "-o", name)
        return name

    def parcel(self, version="2.0.0", slot="ota_1", sequence=1, size=SIZE, seed=0, release_key="release",
               delivery_key="delivery", key_set="first.keys", pins="first.keys", action=None, **changes):
        """An update for the device as the server offers it. The same arguments give the same one."""
        made = (version, slot, sequence, size, seed, release_key, delivery_key, key_set, pins)
        if made not in self.parcels:
            self.parcels[made] = self.make_parcel(*made)
        sealed, release, delivery = self.parcels[made]
        return Offer(**{"action": action or sequence, "sealed": sealed, "release": release, "delivery": delivery,
                        "version": version, "slot": slot, "address": SLOTS[slot], **changes})

    def make_parcel(self, version, slot, sequence, size, seed, release_key, delivery_key, key_set, pins):
        plain = self.pinned(version, size, seed, pins)
        self.slotseal("release", "sign", plain, "--key", f"{release_key}.pem", "--product", PRODUCT, "--secure-boot", "v1",
                      "--verification-key", TEMPLATE, "-o", "release.cose")
        self.slotseal("sign", "--device", MAC, "--replace-verification-key", TEMPLATE, plain, "-o", "signed.bin")
        self.slotseal("seal", "signed.bin", "--device", MAC, "--slot", slot, "-o", "sealed.bin")
        self.slotseal("release", "deliver", "sealed.bin", "--release", "release.cose", "--key", f"{delivery_key}.pem",
                      "--key-set", key_set, "--device", MAC, "--table", TABLE, "--slot", slot, "--sequence", sequence, "-o",
                      "delivery.cose")
        return tuple(self.folder.joinpath(name).read_bytes() for name in ("sealed.bin", "release.cose", "delivery.cose"))


class Chip:
    """A virtual chip that is run against the bench's server."""

    def __init__(self, bench, folder):
        self.bench, self.folder, self.events = bench, folder, []

    @property
    def device(self):
        return self.bench.server.devices[MAC]

    def offer(self, *args, **kwargs):
        self.device.offer = self.bench.parcel(*args, **kwargs)
        return self.device.offer

    def command(self, *options, until="installed", timeout=60, profile="profile", stall=8):
        return [str(SLOTSEAL), "sim", "run", str(self.folder), "--profile", str(self.bench.folder / profile), "--until", until,
                "--timeout", str(timeout), "--interval", "0", "--stall", str(stall), "--json", *map(str, options)]

    def run(self, *options, code=0, **kwargs):
        """Runs it to the end; the last event tells what it came to."""
        done = subprocess.run(self.command(*options, **kwargs), capture_output=True, text=True, timeout=100, check=False,
                              stdin=subprocess.DEVNULL)
        self.events = [json.loads(line) for line in done.stdout.splitlines()]
        assert code is None or done.returncode == code, f"exit {done.returncode}: {done.stderr}{done.stdout[-6000:]}"
        return self

    def of(self, kind):
        return [e for e in self.events if e["event"] == kind]

    def runs(self, version, slot, state="confirmed"):
        """What ran in the end."""
        got = self.of("ended")[-1]
        assert (got["version"], got["slot"], got["state"]) == (version, slot, state), self.events
        return self

    def refusals(self):
        return [(e["text"], e["reason"]) for e in self.of("refused")]

    def slot(self, name, length):
        with open(self.folder / "flash.bin", "rb") as flash:
            flash.seek(SLOTS[name])
            return flash.read(length)

    def digest(self):
        return hashlib.sha256((self.folder / "flash.bin").read_bytes()).hexdigest()
