# SPDX-License-Identifier: Apache-2.0
"""The vault as others see it: a person at a terminal, a second implementation that opens the file, and a power cut."""
import hashlib
import hmac
import os
import pty
import select
import signal
import sqlite3
import struct
import time

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from conftest import BUILD, ONCE, ROOT, SLOTSEAL, call_slotseal, small_app

pytestmark = ONCE

TABLE = ROOT / "examples/forum/partitions.csv"


def text(value):
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def unseal(key, sealed, aad):
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], aad)


class Vault:
    """docs/vault.md in Python, for a vault in SQLite."""

    def __init__(self, path, key=None, passphrase=None):
        self.db = sqlite3.connect(path)
        self.id = self.one("SELECT value FROM meta WHERE name = 'vault'")
        self.version, params, proof = self.db.execute(
            "SELECT version, params, proof FROM wrapping_keys WHERE ring = 'vault' AND state = 'active'").fetchone()
        if passphrase:
            layout, cost, r, p = struct.unpack_from("<BBII", params)
            assert (layout, r, p) == (1, 8, 1)
            key = Scrypt(salt=params[10:26], length=32, n=1 << cost, r=r, p=p).derive(passphrase)
        self.key = key
        unseal(key, proof, text("slotseal vault proof 1") + self.id + text("vault") + struct.pack("<q", self.version))

    def one(self, query, *values):
        return self.db.execute(query, values).fetchone()[0]

    def secret(self, kind, owner, bound):
        ring, version, wrapped, content = self.db.execute(
            "SELECT ring, key_version, wrapped, content FROM secrets WHERE kind = ? AND owner = ?",
            (kind, owner)).fetchone()
        name = self.id + text(kind) + text(owner) + text(bound)
        data_key = unseal(self.key, wrapped,
                          text("slotseal vault wrap 1") + name + text(ring) + struct.pack("<q", version))
        return unseal(data_key, content, text("slotseal vault content 1") + name)

    def image(self, product, version):
        release, length = self.db.execute("SELECT id, length FROM releases WHERE product = ? AND version = ?",
                                          (product, version)).fetchone()
        key = self.secret("release", release, product)
        chunks = self.db.execute("SELECT number, content FROM release_chunks WHERE release = ? ORDER BY number",
                                 (release,))
        return b"".join(unseal(key, content, text("slotseal vault chunk 1") + self.id + text(release) +
                               struct.pack("<qq", length, number)) for number, content in chunks)

    def check_audit(self):
        before, count = bytes(32), 0
        for number, when, *texts, stored in self.db.execute(
                "SELECT number, time, actor, action, subject, detail, hash FROM audit ORDER BY number"):
            before = hashlib.sha256(b"slotseal audit 1\0" + self.id + struct.pack("<qq", number, when) +
                                    b"".join(map(text, texts)) + before).digest()
            count += 1
            assert (number, stored) == (count, before)
        number, head, signature = self.db.execute("SELECT number, hash, signature FROM audit_head").fetchone()
        assert (number, head) == (count, before)
        digest = hashlib.sha256(b"slotseal audit head 1\0" + self.id + struct.pack("<q", number) + head).digest()
        key = serialization.load_pem_private_key(self.secret("audit-key", "vault", ""), None)
        der = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        key.public_key().verify(der, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        return count


@pytest.fixture
def fleet(tmp_path):
    """Options of a vault with a product and a device whose key is known."""
    options = ["--vault", f"sqlite:{tmp_path}/v.db", "--key", f"file:{tmp_path}/vault.key"]
    call_slotseal("vault", "init", *options)
    call_slotseal("product", "add", "lamp", "--table", TABLE, "--secure-boot", "none", *options)
    return options


def test_a_second_implementation_opens_it(fleet, tmp_path):
    key = os.urandom(32)
    (tmp_path / "keys").mkdir(mode=0o700)
    path = tmp_path / "keys" / "240ac4123456.bin"
    path.write_bytes(key)
    path.chmod(0o600)
    call_slotseal("device", "import", "--from", tmp_path / "keys", "--product", "lamp", *fleet)
    vault = Vault(tmp_path / "v.db", (tmp_path / "vault.key").read_bytes())
    device, chip = vault.db.execute("SELECT id, chip FROM devices").fetchone()
    assert vault.secret("flash-key", device, chip) == key
    with pytest.raises(InvalidTag):
        vault.secret("flash-key", device, "esp32s3")
    assert vault.one("SELECT fingerprint FROM devices") == hmac.digest(
        vault.secret("duplicate-key", "vault", ""), key, "sha256")
    assert vault.check_audit() >= 2


def test_a_second_implementation_reads_images(fleet, tmp_path, rng):
    image = small_app(rng, 150000)
    (tmp_path / "app.bin").write_bytes(image)
    call_slotseal("key", "generate", "--type", "secure-boot-v1", "-o", tmp_path / "release.pem")
    call_slotseal("release", "sign", tmp_path / "app.bin", "--key", tmp_path / "release.pem", "--product", "lamp", "-o",
                  tmp_path / "app.release")
    call_slotseal("release", "add", tmp_path / "app.bin", "--release", tmp_path / "app.release", *fleet)
    vault = Vault(tmp_path / "v.db", (tmp_path / "vault.key").read_bytes())
    version = vault.one("SELECT version FROM releases")
    assert vault.image("lamp", version) == image
    assert vault.one("SELECT statement FROM releases") == (tmp_path / "app.release").read_bytes()


class Terminal:
    """slotseal with a terminal of its own, and a person who answers prompts."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(SLOTSEAL, ["slotseal", *map(str, args)])
        self.seen = ""

    def answer(self, prompt, line):
        end = time.monotonic() + 60
        while not self.seen.rstrip().endswith(prompt):
            assert time.monotonic() < end, self.seen
            if select.select([self.fd], [], [], 1)[0]:
                self.seen += os.read(self.fd, 4096).decode()
        self.seen += "|"
        os.write(self.fd, line.encode() + b"\n")

    def end(self):
        try:
            while data := os.read(self.fd, 4096):
                self.seen += data.decode()
        except OSError:  # the other side is gone
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_person_is_asked(tmp_path):
    options = ["--vault", f"sqlite:{tmp_path}/p.db", "--key", "passphrase"]
    secret = "correct horse battery"
    person = Terminal("vault", "init", *options)
    person.answer("passphrase of the vault key:", secret)
    person.answer("passphrase of the vault key, again:", "correct horse batteri")
    assert person.end() == 1
    assert "the two are not the same" in person.seen and "horse" not in person.seen

    person = Terminal("vault", "init", *options)
    person.answer("passphrase of the vault key:", secret)
    person.answer("passphrase of the vault key, again:", secret)
    assert person.end() == 0, person.seen
    assert "horse" not in person.seen
    person = Terminal("vault", "check", *options)
    person.answer("passphrase of the vault key:", "wrong horse battery")
    assert person.end() == 1 and "not the vault's key" in person.seen
    Vault(tmp_path / "p.db", passphrase=secret.encode()).check_audit()

    person = Terminal("vault", "rewrap", *options, "--new-key", "passphrase")
    person.answer("passphrase of the vault key:", secret)
    person.answer("passphrase of the new vault key:", secret[::-1])
    person.answer("passphrase of the new vault key, again:", secret[::-1])
    assert person.end() == 0, person.seen
    assert Vault(tmp_path / "p.db", passphrase=secret[::-1].encode()).version == 2


def test_killed_by_name(fleet, tmp_path):
    """The program of the tests dies where it is told to; the vault has either all of it or nothing."""
    new = ["product", "add", "door", "--table", TABLE, "--secure-boot", "none", *fleet]
    for point, there in (("product-add:begin", 0), ("product-add:commit", 0), ("product-add:done", 1)):
        call_slotseal(*new, program=BUILD / "tests/slotseal-faults", env={"SLOTSEAL_FAULT": point},
                      code=-signal.SIGKILL)
        assert call_slotseal("product", "list", *fleet).stdout.count("door") == there
    call_slotseal("vault", "check", *fleet)
