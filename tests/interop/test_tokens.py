# SPDX-License-Identifier: Apache-2.0
"""Signing keys in a real token (SoftHSM2): what it signs, the real espsecure verifies."""
import contextlib
import os
import pathlib
import pty
import shutil
import sqlite3
import subprocess

import pytest

from conftest import GENERATION, ROOT, SLOTSEAL, call_slotseal, small_app, small_image

MODULES = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so"]
PIN = "97531x"


class Token:
    def __init__(self, folder):
        self.folder = folder
        self.module = next((m for m in MODULES if pathlib.Path(m).exists()), None)
        if not self.module or not shutil.which("softhsm2-util") or not shutil.which("pkcs11-tool"):
            pytest.skip("SoftHSM2 and pkcs11-tool are not installed")
        (folder / "tokens").mkdir()
        conf = folder / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
        self.pin_file = folder / "pin"
        self.pin_file.touch(mode=0o600)
        self.pin_file.write_text(PIN + "\n")
        self.env = {**os.environ, "SOFTHSM2_CONF": str(conf)}
        self.run("softhsm2-util", "--module", self.module, "--init-token", "--free", "--label", "fleet", "--pin", PIN,
                 "--so-pin", "24680")

    def run(self, *line):
        return subprocess.run([str(word) for word in line], env=self.env, check=True, capture_output=True, text=True,
                              timeout=60).stdout

    def tool(self, *args):
        return self.run("pkcs11-tool", "--module", self.module, "--token-label", "fleet", "--login", "--pin", PIN, *args)

    def uri(self, name, pin=True):
        source = f"&pin-source=file:{self.pin_file}" if pin else ""
        return f"pkcs11:token=fleet;object={name}?module-path={self.module}{source}"

    def slotseal(self, *args, code=0):
        return call_slotseal(*args, code=code, env=self.env)


@pytest.fixture
def token(tmp_path):
    folder = tmp_path / "token"
    folder.mkdir(mode=0o700)
    return Token(folder)


@pytest.fixture
def app(tmp_path, rng):
    path = tmp_path / "app.bin"
    path.write_bytes(small_image(rng, 0x1000))
    return path


@pytest.mark.parametrize("version, kind", [("1", "secure-boot-v1"), ("2", "secure-boot-v2-rsa"),
                                           ("2", "secure-boot-v2-p256"), ("2", "secure-boot-v2-p384")])
def test_espsecure_verifies_what_the_token_signed(token, app, tmp_path, theirs, version, kind):
    if kind == "secure-boot-v2-p384" and GENERATION < 5:
        pytest.skip("espsecure 4.x reads no P-384")
    signed, public = tmp_path / "signed.bin", tmp_path / "public.key"
    token.slotseal("key", "generate", "--type", kind, "-o", token.uri("key"))
    token.slotseal("key", "public", "--key", token.uri("key"), "--scheme", f"v{version}", "-o", public)
    token.slotseal("sign", "--key", token.uri("key"), "--scheme", f"v{version}", app, "-o", signed)
    result = theirs(["verify-signature", "--version", version, "--keyfile", public, signed])
    assert result.code == 0, result.text
    # Ours agrees, with the key from the file and with the one in the token.
    token.slotseal("verify", "--key", public, signed)
    token.slotseal("verify", "--key", token.uri("key"), signed)


def test_the_digest_for_the_efuses_is_that_of_espsecure(token, tmp_path, theirs):
    public, ours, reference = tmp_path / "public.pem", tmp_path / "ours.bin", tmp_path / "reference.bin"
    token.tool("--keypairgen", "--key-type", "rsa:3072", "--label", "theirs", "--id", "42")
    token.slotseal("key", "public", "--key", token.uri("theirs"), "-o", public)
    token.slotseal("key", "digest", "--key", token.uri("theirs"), "-o", ours)
    result = theirs(["digest-sbv2-public-key", "--keyfile", public, "--output", reference])
    assert result.code == 0, result.text
    assert ours.read_bytes() == reference.read_bytes()


def test_no_private_key_can_be_had(token, tmp_path):
    token.slotseal("key", "generate", "--type", "secure-boot-v1", "-o", token.uri("v1"))
    token.slotseal("key", "generate", "--type", "vault", "-o", token.uri("vault"))
    listed = token.tool("--list-objects")
    assert listed.count("sensitive, always sensitive, never extractable") == 2
    out = tmp_path / "secret.bin"
    refused = token.slotseal("key", "digest", "--key", token.uri("v1"), "--scheme", "v1", "-o", out, code=1)
    assert "derived from the private key, which stays where it is kept" in refused.stderr
    assert not out.exists()
    refused = token.slotseal("key", "generate", "--type", "secure-boot-v1", "-o", token.uri("v1"), code=1)
    assert "keys are never replaced" in refused.stderr
    refused = token.slotseal("key", "generate", "--type", "flash", "-o", token.uri("flash"), code=2)
    assert "a token would not give it out again" in refused.stderr


def test_failures_say_why(token, app, tmp_path):
    def refused(uri, code=1):
        signed = tmp_path / "signed.bin"
        said = token.slotseal("sign", "--key", uri, app, "-o", signed, code=code).stderr
        assert not signed.exists()
        assert PIN not in said
        return said

    token.slotseal("key", "generate", "--type", "secure-boot-v1", "-o", token.uri("v1"))
    assert "has no private key that fits" in refused(token.uri("v2"))
    assert "has a pin-value, which others can see" in refused(token.uri("v1", pin=False) + f"&pin-value={PIN}")
    assert "is needed, and there is no terminal" in refused_without_terminal(token, app, tmp_path)
    token.pin_file.write_text("nonsense")
    assert "wrong PIN" in refused(token.uri("v1"))
    token.pin_file.write_text(PIN)
    token.pin_file.chmod(0o644)
    assert "can be read by others (mode 644)" in refused(token.uri("v1"))
    token.pin_file.chmod(0o600)
    # Pulled out between two commands.
    (token.folder / "tokens").rename(token.folder / "drawer")
    (token.folder / "tokens").mkdir()
    assert "no token fits the pkcs11 URI" in refused(token.uri("v1"))


def refused_without_terminal(token, app, tmp_path):
    p = subprocess.run([SLOTSEAL, "sign", "--key", token.uri("v1", pin=False), app, "-o", tmp_path / "out"],
                       env=token.env, capture_output=True, text=True, timeout=60, start_new_session=True)
    assert p.returncode == 1
    return p.stderr


def on_terminal(token, typed, *args):
    """Runs slotseal on a terminal of its own and types when it asks; gives exit status and what the terminal showed."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(SLOTSEAL, ["slotseal", *map(str, args)], token.env)
    shown = b""
    while b"PIN of token 'fleet': " not in shown:
        shown += os.read(fd, 4096)
    os.write(fd, typed)
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:  # how the end of a pty reads
            break
        if not piece:
            break
        shown += piece
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_the_pin_is_asked_for(token, app, tmp_path):
    signed = tmp_path / "signed.bin"
    token.slotseal("key", "generate", "--type", "secure-boot-v1", "-o", token.uri("v1"))
    line = ["sign", "--key", token.uri("v1", pin=False), app, "-o", signed]
    # A mistyped character is taken back; nothing is echoed.
    code, shown = on_terminal(token, (PIN + "é").encode() + b"\x7f\r", *line)
    assert code == 0, shown
    assert PIN not in shown
    token.slotseal("verify", "--key", token.uri("v1"), signed)
    signed.unlink()
    code, shown = on_terminal(token, b"12\x03", *line)
    assert code == 1 and "was asked for and not given" in shown
    code, shown = on_terminal(token, b"0" * 2000 + b"\r", *line)
    assert code == 1 and "is longer than 1024 bytes" in shown
    assert not signed.exists()


def test_seal_signs_with_the_token_first(token, app, tmp_path):
    flash, sealed, plain = tmp_path / "flash.key", tmp_path / "sealed.bin", tmp_path / "plain.bin"
    token.slotseal("key", "generate", "--type", "secure-boot-v2-rsa", "-o", token.uri("v2"))
    token.slotseal("key", "generate", "--type", "flash", "-o", flash)
    place = ["--address", "0x10000", "--flash-key", flash]
    token.slotseal("seal", app, *place, "--sign-key", token.uri("v2"), "-o", sealed)
    token.slotseal("unseal", sealed, *place, "--sign-key", token.uri("v2"), "-o", plain)
    token.slotseal("verify", "--key", token.uri("v2"), plain)


def test_a_vault_whose_keys_stay_in_the_token(token, tmp_path):
    vault = ["--vault", f"sqlite:{tmp_path / 'fleet.vault'}"]
    keys = ["--key", token.uri("wrap"), "--signing-key", token.uri("sign-wrap")]
    missing = token.slotseal("vault", "init", *vault, *keys, code=1)
    assert "has no AES key that fits the pkcs11 URI" in missing.stderr
    token.slotseal("vault", "init", *vault, *keys, "--generate-key")
    assert token.tool("--list-objects").count("sensitive, always sensitive, never extractable") == 2
    token.slotseal("product", "add", "lamp", "--table", ROOT / "examples/forum/partitions.csv", "--secure-boot", "none",
                   *vault, *keys[:2])
    checked = token.slotseal("vault", "check", *vault, *keys)
    assert "1 products" in checked.stdout
    # By another key, also one of the same name.
    wrong = token.slotseal("vault", "check", *vault, "--key", token.uri("sign-wrap"), code=1)
    assert "has no AES key that is the vault's" in wrong.stderr
    token.tool("--delete-object", "--type", "secrkey", "--label", "wrap")
    token.slotseal("key", "generate", "--type", "vault", "-o", token.uri("wrap"))
    wrong = token.slotseal("vault", "check", *vault, *keys, code=1)
    assert "has no AES key that is the vault's" in wrong.stderr
    wrong = token.slotseal("vault", "init", "--vault", f"sqlite:{tmp_path / 'other'}", "--generate-key", "--key",
                           f"file:{tmp_path / 'key'}", code=2)
    assert "no source is pkcs11:" in wrong.stderr
    assert not (tmp_path / "other").exists() and not (tmp_path / "key").exists()


def test_the_vault_knows_a_key_in_the_token(token, app, tmp_path):
    """The database says which key, this machine says by which module and PIN: else who writes there runs code here."""
    database = tmp_path / "fleet.vault"
    vault = ["--vault", f"sqlite:{database}", "--vault-key", f"file:{tmp_path / 'vault.key'}"]
    token.slotseal("vault", "init", *vault[:2], "--key", vault[3])
    token.slotseal("key", "generate", "--type", "secure-boot-v1", "-o", token.uri("v1"))
    refused = token.slotseal("key", "import", "lamp", "--key", token.uri("v1"), *vault, code=1)
    assert "kept without module and PIN" in refused.stderr
    path, query = token.uri("v1").split("?")
    token.env["SLOTSEAL_PKCS11"] = query
    token.slotseal("key", "import", "lamp", "--key", path, *vault)
    assert f"lamp                     P-256     token {path}" in token.slotseal("key", "list", *vault).stdout
    token.slotseal("sign", "--key", "vault:lamp", app, "-o", tmp_path / "signed.bin", *vault)
    token.slotseal("verify", "--key", path, tmp_path / "signed.bin")

    # Who can write the database, but has no key.
    def change(statement):
        with contextlib.closing(sqlite3.connect(database)) as db, db:
            db.execute(statement)
        return token.slotseal("sign", "--key", "vault:lamp", app, "-o", tmp_path / "x", *vault, code=1).stderr

    said = change(f"UPDATE signing_keys SET uri = '{path}?module-path=/tmp/evil.so'")
    assert "kept without module and PIN" in said
    token.slotseal("key", "generate", "--type", "secure-boot-v1", "-o", token.uri("other"))
    said = change(f"UPDATE signing_keys SET uri = '{path.replace('v1', 'other')}'")
    assert "signing key lamp is not the one it was" in said
    assert not (tmp_path / "x").exists()


def test_statements_are_signed_in_the_token(token, tmp_path, rng):
    app, signed, statement = tmp_path / "app.bin", tmp_path / "signed.bin", tmp_path / "app.release"
    app.write_bytes(small_app(rng, 0x1000))
    token.slotseal("key", "generate", "--type", "secure-boot-v1", "-o", token.uri("release"))
    token.slotseal("sign", "--key", token.uri("release"), app, "-o", signed)
    token.slotseal("release", "sign", signed, "--key", token.uri("release"), "--product", "lamp", "--secure-boot", "v1",
                   "-o", statement)
    token.slotseal("key", "public", "--key", token.uri("release"), "-o", tmp_path / "release.pub")
    token.slotseal("statement", "verify", statement, "--key", tmp_path / "release.pub")
