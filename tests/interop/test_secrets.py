# SPDX-License-Identifier: Apache-2.0
"""No key and no plaintext image is left anywhere but where the user asked for it."""
import base64
import os
import random
import resource
import signal
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from conftest import BUILD, GENERATION, ROOT, small_app
from watch import WINDOW, Watch

pytestmark = pytest.mark.skipif(GENERATION < 5, reason="esptool has no part in this: once is enough")

SLOTSEAL = BUILD / "slotseal"
TABLE = ROOT / "examples/forum/partitions.csv"
DEVICE = "240ac4deed01"


def scalar(pem):
    return load_pem_private_key(pem, None).private_numbers().private_value.to_bytes(32, "big")


def new_file(path, data):
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path)


@pytest.fixture
def work(watch):
    return watch.folder / "work"


@pytest.fixture
def app(watch, work):
    """An app that is a secret, and no other run's app."""
    image = small_app(random.Random(str(work)), 0x4000)
    path = work / "app.bin"
    path.write_bytes(image)
    for at in (0x400, 0x1230, 0x3F00):
        watch.secret("plaintext", image[at : at + WINDOW], path)
    return path


def sign_key(watch, work, name="sign.pem"):
    watch.run(SLOTSEAL, "key", "generate", "--type", "secure-boot-v1", "-o", name)
    pem = (work / name).read_bytes()
    watch.secret("signing key", scalar(pem), work / name)
    # The text of the file must not be copied as it is, either.
    watch.secret("PEM of the signing key", pem.split(b"\n")[1][:32], work / name)
    return name


def test_the_watcher_sees_what_it_should(watch, work):
    key = os.urandom(32)
    watch.secret("key", key, work / "meant")
    new_file(work / "meant", b"xx" + key)
    watch.run("true")
    assert watch.check() == []
    new_file(work / "raw", b"y" * 5 + key[16:])
    new_file(work / "backwards", key[::-1])
    new_file(work / "hex", key.hex().encode())
    for shift in range(3):
        new_file(work / f"base64-{shift}", base64.b64encode(b"z" * shift + key + b"!"))
    watch.run("echo", key.hex().upper())
    watch.run("sh", "-c", "sleep 0.2", key.hex())
    watch.env["SECRET"] = key.hex()
    watch.run("sleep", "0.2")
    assert watch.check() == sorted(
        ["key in cmdline of a process", "key in environ of a process", "key in output of "
         f"('{key.hex().upper()}',)",
         *(f"key in {work / name}" for name in ("raw", "backwards", "hex", "base64-0", "base64-1", "base64-2"))])


@pytest.mark.parametrize("source", ["file", "passphrase"])
def test_a_fleet_with_a_vault(watch, work, app, source):
    vault = ["--vault", f"sqlite:{work / 'fleet.vault'}"]
    passphrase = os.urandom(12).hex().encode()
    watch.secret("passphrase", passphrase)
    key = "file:vault.key" if source == "file" else "passphrase:fd:3"

    def run(*line, vault_key="--key", code=0):
        return watch.run(SLOTSEAL, *line, *vault, vault_key, key, code=code,
                         secret_input=passphrase if source == "passphrase" else None)

    run("vault", "init")
    if source == "file":
        watch.secret("vault key", (work / "vault.key").read_bytes(), work / "vault.key")
    pem = sign_key(watch, work)
    run("product", "add", "lamp", "--table", TABLE, "--secure-boot", "v1-one-time", "--sign-key", pem)

    flash_key = os.urandom(32)
    watch.secret("flash key", flash_key, new_file(work / "flash.key", flash_key), work / "out.key")
    run("device", "import", "--product", "lamp", "--device", DEVICE, "--flash-key", "flash.key")
    watch.run(SLOTSEAL, "sign", "--key", pem, "app.bin", "-o", "signed.bin")
    watch.allow("plaintext", work / "signed.bin", work / "opened.bin")
    run("seal", "signed.bin", "--device", DEVICE, "--slot", "ota_1", "-o", "sealed.bin")
    run("seal", "app.bin", "--device", DEVICE, "--slot", "ota_0", "--sign-key", pem, "-o", "sealed.0.bin")
    run("unseal", "sealed.bin", "--device", DEVICE, "--slot", "ota_1", "-o", "opened.bin")
    run("unseal", "sealed.bin", "--device", DEVICE, "--slot", "ota_0", "-o", "wrong.bin", code=3)
    run("device", "show", DEVICE, "--json")
    run("device", "list", "--json")
    run("device", "export", DEVICE, "--confirm", DEVICE, "-o", "out.key")
    assert (work / "out.key").read_bytes() == flash_key
    run("vault", "check")

    # Signing keys in the vault, and the key that wraps them; a backup; new keys for all.
    signing = ["--signing-key", "file:signing.key"]
    run("vault", "rewrap", "--new-signing-key", "file:signing.key")
    watch.secret("key of signing keys", (work / "signing.key").read_bytes(), work / "signing.key")
    run("key", "import", "lamp", *signing, "--key", pem, vault_key="--vault-key")
    run("sign", "--key", "vault:lamp", "app.bin", "-o", "signed.bin", *signing, vault_key="--vault-key")
    run("key", "list", "--json", vault_key="--vault-key")
    run("vault", "backup", "-o", "fleet.backup")
    run("vault", "audit", "--json")
    watch.run(SLOTSEAL, "vault", "restore", "fleet.backup", "--vault", "sqlite:restored.vault", "--key", key, *signing,
              secret_input=passphrase if source == "passphrase" else None)
    run("device", "forget", DEVICE, "--confirm", DEVICE)
    run("seal", "signed.bin", "--device", DEVICE, "--slot", "ota_1", "-o", "late.bin", code=1)
    assert watch.check() == []


def test_keys_and_images_without_a_vault(watch, work, app):
    pem = sign_key(watch, work)
    watch.run(SLOTSEAL, "key", "generate", "--type", "flash", "-o", "flash.key")
    watch.secret("flash key", (work / "flash.key").read_bytes(), work / "flash.key")
    watch.run(SLOTSEAL, "key", "public", "--key", pem, "--json")
    watch.run(SLOTSEAL, "key", "digest", "--key", pem, "-o", "boot.key", "--json")
    watch.secret("secure boot key", (work / "boot.key").read_bytes(), work / "boot.key")
    watch.run(SLOTSEAL, "sign", "--key", pem, "app.bin", "-o", "signed.bin")
    watch.allow("plaintext", work / "signed.bin", work / "opened.bin")
    place = ["--table", TABLE, "--slot", "ota_1", "--flash-key", "flash.key"]
    watch.run(SLOTSEAL, "seal", "signed.bin", *place, "-o", "sealed.bin", "--json")
    watch.run(SLOTSEAL, "compare", "sealed.bin", "sealed.bin", "--json")
    watch.run(SLOTSEAL, "unseal", "sealed.bin", *place, "-o", "opened.bin")
    watch.run(SLOTSEAL, "release", "sign", "signed.bin", "--key", pem, "--product", "lamp", "--secure-boot", "v1", "-o",
              "app.release")
    watch.run(SLOTSEAL, "statement", "show", "app.release")
    assert watch.check() == []


def test_failures_say_nothing_either(watch, work, app):
    """Wrong lengths, wrong kinds and wrong places of secrets: the message names the file, never what is in it."""
    short = os.urandom(31)
    watch.secret("short key", short, new_file(work / "short.key", short))
    pem = sign_key(watch, work)
    damaged = bytearray((work / pem).read_bytes())
    damaged[60] ^= 1
    watch.allow("signing key", new_file(work / "damaged.pem", bytes(damaged)))
    watch.allow("PEM of the signing key", work / "damaged.pem")
    vault = ["--vault", f"sqlite:{work / 'fleet.vault'}"]
    place = ["--address", "0x10000"]
    watch.run(SLOTSEAL, "seal", "app.bin", *place, "--flash-key", "short.key", "-o", "x", code=1)
    watch.run(SLOTSEAL, "seal", "app.bin", *place, "--flash-key", pem, "-o", "x", code=1)
    watch.run(SLOTSEAL, "seal", "app.bin", *place, "--flash-key", "app.bin", "-o", "x", code=1)
    watch.run(SLOTSEAL, "sign", "--key", "damaged.pem", "app.bin", "-o", "x", code=1)
    watch.run(SLOTSEAL, "sign", "--key", "short.key", "app.bin", "-o", "x", code=1)
    watch.run(SLOTSEAL, "sign", "--key", "app.bin", "app.bin", "-o", "x", code=1)
    watch.run(SLOTSEAL, "table", "show", pem, code=1)
    watch.run(SLOTSEAL, "image", "info", "short.key", code=1)
    watch.run(SLOTSEAL, "vault", "init", *vault, "--key", "file:short.key", code=1)
    watch.run(SLOTSEAL, "statement", "show", pem, code=1)
    watch.run(SLOTSEAL, "statement", "show", "short.key", code=1)
    assert watch.check() == []


def test_no_core_is_left(tmp_path):
    """A program that dies while it holds a key leaves no memory behind, wherever the system pipes cores to."""
    def nobody():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    reading, writing = os.pipe()
    try:
        p = subprocess.Popen([SLOTSEAL, "key", "public", "--key", "-"], stdin=reading, preexec_fn=nobody, cwd="/")
    except PermissionError:
        pytest.skip("another user cannot run the program from here")
    deadline = time.time() + 10
    # It is in its command once it waits for the key.
    while "pipe" not in wait_channel(p.pid) and time.time() < deadline and p.poll() is None:
        time.sleep(0.01)
    time.sleep(0.2)
    assert p.poll() is None
    limits = open(f"/proc/{p.pid}/limits").read()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    # The files of a process that must not be dumped belong to root, so nobody else can read its environment.
    owner = os.stat(f"/proc/{p.pid}/environ").st_uid
    p.send_signal(signal.SIGABRT)
    p.wait()
    os.close(reading)
    os.close(writing)
    assert core.split()[4:6] == ["0", "0"]
    assert owner == 0


def wait_channel(pid):
    try:
        return open(f"/proc/{pid}/wchan").read()
    except OSError:
        return ""
