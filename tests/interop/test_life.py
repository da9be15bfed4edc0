# SPDX-License-Identifier: Apache-2.0
"""A device's life by the command line, on served virtual chips: provisioned, spoilt, recovered, returned."""
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from conftest import BUILD, GENERATION, ROOT, served_chip

sys.path.insert(0, str(ROOT / "tests" / "cli"))
from run import make_image  # noqa: E402

# Nothing in here uses esptool: once is enough.
pytestmark = pytest.mark.skipif(GENERATION != 5, reason="the same with every esptool")

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
    # The app may come from the vault: a later release.
    previous = os.getcwd()
    os.chdir(bench.folder)
    make_image("next.bin", "kind=app", "size=0x2000", "version=1.5", "seed=2")
    os.chdir(previous)
    bench.ok("key", "generate", "--type", "secure-boot-v1", "-o", "release.pem")
    bench.ok("release", "sign", "next.bin", "--product", "meter", "--key", "release.pem", "-o", "next.release")
    bench.ok("release", "add", "next.bin", "--release", "next.release")
    with served_chip(chip, "--rfc2217", "0") as port:
        from_vault = [a for a in recover if a not in ("--app", "app.bin")]
        bench.refused("exactly one of --app and --release", *from_vault, "--port", port, code=2)
        bench.refused("2.0", *from_vault, "--release", "2.0", "--port", port)
        bench.ok(*from_vault, "--release", "1.5", "--port", port)
    booted = bench.run("chip", "boot", chip)
    assert booted.returncode == 0 and "1.5" in booted.stdout, booted.stdout
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


def token_of(chip):
    nvs = (chip / "flash.bin").read_bytes()[0x9000:0xD000]
    at = nvs.find(b"token")
    return nvs[at + 24:at + 24 + 43] if at >= 0 else b""


def test_interrupted(bench):
    """Killed again and again: the token in flash is the one whose digest the vault has."""
    chip = bench.chip("chip", 11)
    device = mac_id(chip)
    line = ["provision", "--product", "meter", *bench.images(), "--confirm", device, "--update-server",
            "https://updates.example"]
    with served_chip(chip, "--rfc2217", "0") as port:
        tokens = set()
        for seconds in (0.8, 1.2, 1.6, 2.0, 2.5):
            victim = subprocess.Popen([BUILD / "slotseal", *line, "--port", port], cwd=bench.folder, env=bench.env,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                victim.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                victim.kill()
                victim.wait()
            tokens.add(token_of(chip))
        bench.ok(*line, "--port", port)
    assert len(tokens - {b""}) <= 1  # once it is in flash, it stays
    shown = json.loads(bench.ok("device", "show", device, "--json"))
    assert shown["credential"] == "token sha256:" + hashlib.sha256(token_of(chip)).hexdigest()
    assert shown["state"] == "provisioned"
    # A token is nowhere but on the device.
    for file in bench.folder.rglob("*"):
        if file.is_file() and file.name != "flash.bin":
            assert token_of(chip) not in file.read_bytes(), file


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


def factory(bench, count):
    """Chips, served; one of the ports is dead, one chip was used before."""
    chips = [bench.chip(f"chip{i}", 100 + i) for i in range(count)]
    used = bytearray((chips[2] / "efuse.bin").read_bytes())
    used[2] |= 0x01  # RD_DIS: BLOCK1
    used[0] |= 0x80  # WR_DIS: BLOCK1
    used[28:60] = bytes(range(1, 33))
    (chips[2] / "efuse.bin").write_bytes(used)
    return chips


def test_virtual_factory(bench):
    """16 chips in one run: quota spent in the middle, a dead port, a chip that somebody else has used."""
    chips = factory(bench, 16)
    line = ["provision", "batch", "--product", "meter", "--station", "line-1", "--operator", "ann", *bench.images(),
            "--update-server", "https://updates.example", "--record", "record.csv,record.jsonl",
            "--labels", "labels.csv", "--qr", "M:{MAC}", "--confirm", "meter", "--json"]
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(served_chip(chip, "--rfc2217", "0")) for chip in chips]
        dead = 1
        ports[dead] = "socket://127.0.0.1:9"
        bench.ok("quota", "line-1", "--set", 12)
        bench.refused("provision a first one alone", *line, *ports)
        first = json.loads(bench.ok(*line, ports[0]))
        assert first["done"] == 1 and first["quota"] == {"limit": 12, "used": 1}

        (bench.folder / "ports.txt").write_text("# the bench\n" + "\n".join(ports[8:]) + "\n")
        done = bench.run(*line, "--ports", "ports.txt", *ports[:8])
        assert done.returncode == 1, done.stderr
        report = json.loads(done.stdout)
        assert (report["done"], report["failed"], report["refused"]) == (12, 0, 4)
        assert report["quota"] == {"limit": 12, "used": 12}
        by_port = {p["port"]: p for p in report["ports"]}
        assert all((p["message"] is None) == (p["result"] == "done") for p in report["ports"])
        assert by_port[ports[dead]]["step"] == "connect" and by_port[ports[dead]]["device"] is None
        assert "BLOCK1 is read-protected" in by_port[ports[2]]["message"]
        spent = [p for p in report["ports"] if "quota of station line-1 is spent: 12 of 12" in (p["message"] or "")]
        assert len(spent) == 2
        for p in spent:  # nothing was changed on them
            chip = chips[ports.index(p["port"])]
            assert (chip / "efuse.bin").read_bytes()[28:60] == bytes(32)

        # One more by one more of the quota; those that are done are found done.
        bench.ok("quota", "line-1", "--set", 20)
        report = json.loads(bench.run(*line, *ports).stdout)
        assert (report["done"], report["failed"], report["refused"]) == (14, 0, 2)
        assert report["quota"] == {"limit": 20, "used": 14}
    for i, chip in enumerate(chips):
        booted = bench.run("chip", "boot", chip).returncode == 0
        assert booted == (i not in (dead, 2)), i

    # The record: a line for each chip that was tried, and no key, token or plaintext in it.
    record = (bench.folder / "record.csv").read_text().splitlines()
    assert len(record) == 1 + 1 + 16 + 16
    rows = [json.loads(row) for row in (bench.folder / "record.jsonl").read_text().splitlines()]
    assert len(rows) == 33 and {r["result"] for r in rows} == {"done", "refused"}
    assert all(r["station"] == "line-1" and r["operator"] == "ann" for r in rows)
    labels = (bench.folder / "labels.csv").read_text().splitlines()
    assert labels[0] == "id,mac,product,qr" and f"M:{mac_id(chips[0]).upper()}" in labels[1]
    secrets = []
    for chip in chips:
        secrets.append((chip / "efuse.bin").read_bytes()[28:60])
        nvs = (chip / "flash.bin").read_bytes()[0x9000:0xD000]
        at = nvs.find(b"token")
        if at >= 0:
            secrets.append(nvs[at + 24:at + 24 + 43])
    assert len([s for s in secrets if len(s) == 43]) == 14
    for name in ("record.csv", "record.jsonl", "labels.csv"):
        text = (bench.folder / name).read_text()
        for secret in secrets:
            if any(secret):
                assert secret.hex() not in text and secret[::-1].hex() not in text
                assert secret.decode("latin-1") not in text
    # What the vault knows of a credential is a digest; it is the token's in flash, and gone when the device is lost.
    device = mac_id(chips[3])
    nvs = (chips[3] / "flash.bin").read_bytes()[0x9000:0xD000]
    token = nvs[nvs.find(b"token") + 24:][:43]
    shown = json.loads(bench.ok("device", "show", device, "--json"))
    assert shown["credential"] == "token sha256:" + hashlib.sha256(token).hexdigest()
    assert shown["station"] == "line-1" and shown["operator"] == "ann"
    assert "credential" not in json.loads(bench.ok("device", "lost", device, "--confirm", device, "--json"))
    bench.ok("vault", "check")


def test_batch_usage(bench):
    line = ["provision", "batch", "--product", "meter", "--station", "line-1", *bench.images()]
    bench.refused("no port is named", *line, "--confirm", "meter", code=2)
    bench.refused("has to be confirmed", *line, "socket://127.0.0.1:9")
    bench.refused("--confirm lamp is not meter", *line, "--confirm", "lamp", "socket://127.0.0.1:9")
    bench.refused("is named twice", *line, "--confirm", "meter", "a", "a")
    bench.refused("go with --update-server", *line, "--ca", "ca.pem", "x", code=2)
    bench.refused("--qr needs --labels", *line, "--qr", "{id}", "x", code=2)
    bench.refused("no product", "provision", "batch", "--product", "lamp", "--station", "l", *bench.images(), "x")
    report = bench.refused("", *line, "--confirm", "meter", "socket://127.0.0.1:9")
    assert "connect: " in report.stdout and "0 done, 0 failed, 1 refused" in report.stdout


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def test_sealed_kit(bench, tmp_path_factory):
    """A kit made where the vault is, used where there is none."""
    factory_floor = tmp_path_factory.mktemp("acme")
    openssl(factory_floor, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            "acme.key", "-out", "acme.pem", "-subj", "/CN=acme", "-days", "30")
    os.chmod(factory_floor / "acme.key", 0o600)
    bench.ok("key", "generate", "--type", "secure-boot-v1", "-o", "kit-key.pem")
    openssl(bench.folder, "ec", "-in", "kit-key.pem", "-pubout", "-out", "kit-key.pub.pem")
    chips = [bench.chip(f"chip{i}", 300 + i) for i in range(3)]
    (bench.folder / "lot.csv").write_text(f"# lot 7\n{mac_id(chips[0])}\nmeter-1,{mac_id(chips[1])}\n")
    make = ["kit", "make", "--product", "meter", "--macs", "lot.csv", "--station", "acme", "--station-cert",
            factory_floor / "acme.pem", "--kit-key", "kit-key.pem", *bench.images(), "--update-server",
            "https://updates.example"]
    bench.ok("quota", "acme", "--set", 1)
    bench.refused("the quota of station acme is spent: 1 of 1", *make, "-o", "short")
    assert not (bench.folder / "short" / "manifest.json").exists()
    bench.ok("quota", "acme", "--set", 2)
    assert "lot7: 2 devices" in bench.ok(*make, "-o", "lot7")
    assert "meter-1" in bench.ok("kit", "show", "lot7", "--kit-key", "kit-key.pub.pem")
    # The signature and an envelope by the standard tool alone.
    openssl(bench.folder, "dgst", "-sha256", "-verify", "kit-key.pub.pem", "-signature", "lot7/manifest.sig",
            "lot7/manifest.json")
    openssl(bench.folder, "cms", "-decrypt", "-inform", "DER", "-in", "lot7/meter-1/flash-key.cms", "-inkey",
            factory_floor / "acme.key", "-out", "meter-1.key")
    bench.ok("device", "export", "meter-1", "-o", "exported.key", "--confirm", "meter-1")
    key = (bench.folder / "exported.key").read_bytes()
    assert (bench.folder / "meter-1.key").read_bytes() == key
    # No block of plaintext, no key, no token in any file of the kit.
    app, boot = (bench.folder / "app.bin").read_bytes(), (bench.folder / "boot.bin").read_bytes()
    blocks = [image[i:i + 16] for image in (app, boot, key) for i in range(0, len(image) - 15, 16)]
    blocks = [b for b in blocks if len(set(b)) > 4]
    for file in (bench.folder / "lot7").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(block in content for block in blocks), file
            assert b"updates.example" not in content, file

    # At the manufacturer's: the kit, the public key, the station's files; nothing else.
    shutil.copytree(bench.folder / "lot7", factory_floor / "lot7")
    shutil.copy(bench.folder / "kit-key.pub.pem", factory_floor)
    env = {k: v for k, v in bench.env.items() if not k.startswith("SLOTSEAL")}

    def station(*args, code=0):
        done = subprocess.run([BUILD / "slotseal", "provision", "kit", "lot7", "--kit-key", "kit-key.pub.pem",
                               "--station-cert", "acme.pem", "--station-key", "acme.key", "--record", "record.jsonl",
                               "--station", "acme-3", *args], cwd=factory_floor, env=env, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == code, done.stderr + done.stdout
        return done

    with served_chip(chips[2], "--rfc2217", "0") as port:
        done = station("--port", port, "--confirm", mac_id(chips[2]), "--json", code=1)
        assert "kit lot7 is not for the chip" in done.stderr
        said = json.loads(done.stdout)
        assert said["provisioned"] is False and said["error"].startswith("kit lot7 is not for the chip")
    with served_chip(chips[1], "--rfc2217", "0") as port:
        assert "write it sealed" in station("--port", port, "--dry-run").stdout
        assert "has to be confirmed" in station("--port", port, code=1).stderr
        station("--port", port, "--confirm", "meter-1")
        efuses = (chips[1] / "efuse.bin").read_bytes()
        station("--port", port, "--confirm", "meter-1")  # found done
        assert (chips[1] / "efuse.bin").read_bytes() == efuses
    assert bench.run("chip", "boot", chips[1]).returncode == 0
    nvs = (chips[1] / "flash.bin").read_bytes()[0x9000:0xD000]
    token = nvs[nvs.find(b"token") + 24:][:43]
    shown = json.loads(bench.ok("device", "show", "meter-1", "--json"))
    assert shown["credential"] == "token sha256:" + hashlib.sha256(token).hexdigest()
    assert shown["state"] == "registered" and shown["kit"] == "lot7"

    # A kit that somebody changed.
    with open(sorted((factory_floor / "lot7" / mac_id(chips[0])).glob("*.sealed"))[0], "r+b") as f:
        f.write(b"x")
    with served_chip(chips[0], "--rfc2217", "0") as port:
        assert "not the file that the manifest means" in station("--port", port, "--confirm", "x", code=1).stderr
    # The record comes back.
    shutil.copy(factory_floor / "record.jsonl", bench.folder)
    assert json.loads(bench.ok("kit", "accept", "--record", "record.jsonl", "--json")) == {
        "accepted": 1, "known": 1, "skipped": 2}
    shown = json.loads(bench.ok("device", "show", "meter-1", "--json"))
    assert shown["state"] == "provisioned" and shown["station"] == "acme-3"
    forged = json.loads((bench.folder / "record.jsonl").read_text().splitlines()[-1])
    forged.update(device=mac_id(chips[2]), mac="24:0a:c4:00:00:01", result="done")
    (bench.folder / "forged.jsonl").write_text(json.dumps(forged) + "\n")
    bench.refused("", "kit", "accept", "--record", "forged.jsonl")
    bench.ok("vault", "check")
