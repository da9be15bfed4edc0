# SPDX-License-Identifier: Apache-2.0
"""Keys, signatures and digests: what one tool makes, the other one accepts, and byte for byte where it is deterministic."""
import pytest

from conftest import small_image

SCHEMES = {"rsa3072": "RSA", "ecdsa192": "EC", "ecdsa256": "EC", "ecdsa384": "EC"}


def make_key(run, path, version, scheme=None):
    args = ["generate-signing-key", "--version", version, *(["--scheme", scheme] if scheme else []), path]
    assert run(args).code == 0
    return path


@pytest.fixture(params=["ours", "theirs"])
def maker(request, ours, theirs):
    return {"ours": ours, "theirs": theirs}[request.param]


@pytest.mark.parametrize("length", [0, 1, 1000, 65536 - 80])
def test_v1_signatures_are_identical(tmp_path, ours, theirs, maker, rng, length):
    key = make_key(maker, tmp_path / "key.pem", 1)
    data = tmp_path / "data.bin"
    data.write_bytes(rng.randbytes(length))
    files = []
    for name, run in (("ours", ours), ("theirs", theirs)):
        out = tmp_path / name
        assert run(["sign-data", "--version", "1", "--keyfile", key, "--output", out, data]).code == 0
        files.append(out.read_bytes())
    assert files[0] == files[1]
    assert files[0][:length] == data.read_bytes() and len(files[0]) == length + 68
    for run in (ours, theirs):
        result = run(["verify-signature", "--version", "1", "--keyfile", key, tmp_path / "ours"])
        assert result.code == 0


def test_v1_in_place_and_damaged(tmp_path, ours, theirs, rng):
    key = make_key(ours, tmp_path / "key.pem", 1)
    other = make_key(theirs, tmp_path / "other.pem", 1)
    data = tmp_path / "data.bin"
    data.write_bytes(rng.randbytes(500))
    assert ours(["sign-data", "--version", "1", data, "--keyfile", key]).code == 0
    assert data.stat().st_size == 568
    verify = ["verify-signature", "--version", "1", "--keyfile"]
    mine = ours([*verify, key, data])
    assert mine.code == 0 and "Signature is valid" in mine.out
    for bad_key, damage in ((other, None), (key, 0), (key, 567)):
        if damage is not None:
            whole = bytearray(data.read_bytes())
            whole[damage] ^= 1
            data.write_bytes(whole)
        mine, real = ours([*verify, bad_key, data]), theirs([*verify, bad_key, data])
        assert (mine.code, real.code) == (2, 2)
        assert "Signature is not valid" in mine.out + mine.err and "Signature is not valid" in real.text
    data.write_bytes(bytes(500) + b"\x01" + bytes(67))
    mine, real = ours([*verify, key, data]), theirs([*verify, key, data])
    assert (mine.code, real.code) == (2, 2)
    assert "Signature block has version 1" in mine.out + mine.err and "Signature block has version 1" in real.text


def test_v1_public_key_and_private_digest(tmp_path, ours, theirs, maker):
    key = make_key(maker, tmp_path / "key.pem", 1)
    for command in (
        ["extract-public-key", "--version", "1", "--keyfile", key],
        ["digest-private-key", "--keyfile", key],
        ["digest-private-key", "--keyfile", key, "--keylen", "192"],
    ):
        mine, real = tmp_path / "mine", tmp_path / "real"
        mine.unlink(missing_ok=True)
        assert ours([*command, mine]).code == 0 and theirs([*command, real]).code == 0
        assert mine.read_bytes() == real.read_bytes()
    raw = tmp_path / "raw.bin"
    assert ours(["extract-public-key", "--version", "1", "--keyfile", key, raw]).code == 0
    data = tmp_path / "data.bin"
    data.write_bytes(bytes(100))
    assert ours(["sign-data", "--version", "1", data, "--keyfile", key]).code == 0
    for run in (ours, theirs):
        assert run(["verify-signature", "--version", "1", "--keyfile", raw, data]).code == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_v2_each_accepts_the_other(tmp_path, ours, theirs, maker, rng, scheme):
    key = make_key(maker, tmp_path / "key.pem", 2, scheme)
    assert f"BEGIN {SCHEMES[scheme]} PRIVATE KEY" in key.read_text()
    data = tmp_path / "data.bin"
    data.write_bytes(rng.randbytes(5000))
    for signer in (ours, theirs):
        out = tmp_path / "signed.bin"
        assert signer(["sign-data", "--version", "2", "--keyfile", key, "--output", out, data]).code == 0
        assert out.stat().st_size == 8192 + 4096
        for verifier in (ours, theirs):
            assert verifier(["verify-signature", "--version", "2", "--keyfile", key, out]).code == 0
            assert verifier(["signature-info-v2", out]).code == 0
        damaged = bytearray(out.read_bytes())
        damaged[4000] ^= 1
        out.write_bytes(damaged)
        for verifier in (ours, theirs):
            assert verifier(["verify-signature", "--version", "2", "--keyfile", key, out]).code == 2
            assert verifier(["signature-info-v2", out]).code == 2


@pytest.mark.parametrize("scheme", SCHEMES)
def test_v2_public_keys_and_digests(tmp_path, ours, theirs, maker, scheme):
    key = make_key(maker, tmp_path / "key.pem", 2, scheme)
    mine, real = tmp_path / "mine", tmp_path / "real"
    for command in (
        ["extract-public-key", "--version", "2", "--keyfile", key],
        ["digest-sbv2-public-key", "--keyfile", key, "--output"],
    ):
        assert ours([*command, mine]).code == 0 and theirs([*command, real]).code == 0
        assert mine.read_bytes() == real.read_bytes()


def test_v2_three_blocks_and_append(tmp_path, ours, theirs, rng):
    keys = [make_key(ours, tmp_path / f"key-{n}.pem", 2, "rsa3072") for n in range(2)]
    data = tmp_path / "data.bin"
    data.write_bytes(rng.randbytes(8192))
    out = tmp_path / "signed.bin"
    assert ours(["sign-data", "--version", "2", "--keyfile", keys[0], keys[1], "--output", out, data]).code == 0
    for key in (keys[0], keys[1]):
        assert theirs(["verify-signature", "--version", "2", "--keyfile", key, out]).code == 0
    more = tmp_path / "more.bin"
    line = ["sign-data", "--version", "2", "--append-signatures", "--keyfile", keys[1], "--output", more, out]
    assert theirs(line).code == 0
    assert ours(["verify-signature", "--version", "2", "--keyfile", keys[1], more]).code == 0
    mine = tmp_path / "three.bin"
    line = ["sign-data", "--version", "2", "--append-signatures", "--keyfile", keys[0], "--output", mine, out]
    assert ours(line).code == 0
    info = theirs(["signature-info-v2", mine])
    assert info.code == 0 and info.text.count("Public key digest for block") == 3
    ours_info = ours(["signature-info-v2", mine])
    assert [l for l in ours_info.out.splitlines() if "Public key digest" in l] == [
        l for l in info.text.splitlines() if "Public key digest" in l
    ]
    full = ["sign-data", "--version", "2", "--append-signatures", "--keyfile", keys[0], "--output", tmp_path / "x", mine]
    assert (ours(full).code, theirs(full).code) == (2, 2)
    stranger = make_key(theirs, tmp_path / "stranger.pem", 2, "rsa3072")
    line = ["verify-signature", "--version", "2", "--keyfile", stranger, mine]
    a, b = ours(line), theirs(line)
    assert (a.code, b.code) == (2, 2)
    phrase = "Signature could not be verified with the provided key"
    assert phrase in a.out + a.err and phrase in b.text


@pytest.mark.parametrize("version,scheme", [(1, None), (2, "rsa3072"), (2, "ecdsa256")])
def test_signature_made_elsewhere(tmp_path, ours, theirs, rng, version, scheme):
    """A raw (V1) or DER / PSS (V2) signature and a public key instead of a private key."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    key = make_key(ours, tmp_path / "key.pem", version, scheme)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    public = tmp_path / "public.pem"
    public.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    content = rng.randbytes(8192)
    data = tmp_path / "data.bin"
    data.write_bytes(content)
    if scheme == "rsa3072":
        signature = private.sign(content, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    else:
        signature = private.sign(content, ec.ECDSA(hashes.SHA256()))
        if version == 1:
            r, s = utils.decode_dss_signature(signature)
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    raw = tmp_path / "signature.bin"
    raw.write_bytes(signature)
    outputs = []
    for name, run in (("ours", ours), ("theirs", theirs)):
        out = tmp_path / name
        line = ["sign-data", "--version", version, "--pub-key", public, "--signature", raw, "--output", out, data]
        assert run(line).code == 0
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1]
    raw.write_bytes(bytes([signature[0] ^ 1]) + signature[1:])
    out = tmp_path / "bad"
    assert ours(["sign-data", "--version", version, "--pub-key", public, "--signature", raw, "-o", out, data]).code == 2
    assert not out.exists()


@pytest.mark.parametrize("payload", [16, 400, 416, 432, 448, 464, 480, 496, 512, 6000])
@pytest.mark.parametrize("appended", [True, False])
def test_bootloader_digest(tmp_path, ours, theirs, rng, payload, appended):
    image, iv, key = tmp_path / "bootloader.bin", tmp_path / "iv.bin", tmp_path / "key.bin"
    image.write_bytes(small_image(rng, payload, appended))
    iv.write_bytes(rng.randbytes(rng.choice([32, 128, 200])))
    key.write_bytes(rng.randbytes(rng.choice([24, 32])))
    mine, real = tmp_path / "mine", tmp_path / "real"
    line = ["digest-secure-bootloader", "--keyfile", key, "--iv", iv, "--output"]
    assert ours([*line, mine, image]).code == 0 and theirs([*line, real, image]).code == 0
    assert mine.read_bytes() == real.read_bytes()


def test_bootloader_digest_of_something_else_is_refused(tmp_path, ours, theirs, rng):
    image, key = tmp_path / "noise.bin", tmp_path / "key.bin"
    image.write_bytes(b"\x12" + rng.randbytes(999))
    key.write_bytes(rng.randbytes(32))
    line = ["digest-secure-bootloader", "--keyfile", key, "--output", tmp_path / "out", image]
    assert (ours(line).code, theirs(line).code) == (2, 2)


def test_existing_signing_key_is_never_overwritten(tmp_path, ours, theirs):
    key = make_key(ours, tmp_path / "key.pem", 1)
    before = key.read_bytes()
    for version in (1, 2):
        line = ["generate-signing-key", "--version", version, key]
        mine, real = ours(line), theirs(line)
        assert (mine.code, real.code) == (2, 2)
        assert "already exists" in mine.out + mine.err and "already exists" in real.text
    assert key.read_bytes() == before


@pytest.mark.parametrize(
    "case",
    [
        ["sign-data", "--keyfile", "K", "D"],  # no version
        ["sign-data", "--version", "3", "--keyfile", "K", "D"],
        ["sign-data", "--version", "1", "--keyfile", "RSA", "-o", "O", "D"],
        ["sign-data", "--version", "1", "--keyfile", "P384", "-o", "O", "D"],
        ["sign-data", "--version", "1", "--keyfile", "K", "K", "-o", "O", "D"],
        ["generate-signing-key", "--version", "1", "--scheme", "rsa3072", "N"],
        ["generate-signing-key", "--version", "2", "--scheme", "ed25519", "N"],
        ["verify-signature", "--version", "2", "--keyfile", "RSA", "D"],
        ["signature-info-v2", "D"],
        ["extract-public-key", "--version", "1", "--keyfile", "P384", "O"],
        ["sign-data", "--version", "1", "--keyfile", "K", "D"],  # the list of keys takes the file, too
        ["no-such-command"],
    ],
    ids=" ".join,
)
def test_refusals(tmp_path, ours, theirs, case):
    names = {
        "K": make_key(ours, tmp_path / "k.pem", 1),
        "RSA": make_key(ours, tmp_path / "rsa.pem", 2, "rsa3072"),
        "P384": make_key(ours, tmp_path / "p384.pem", 2, "ecdsa384"),
        "D": tmp_path / "data.bin",
        "O": tmp_path / "out.bin",
        "N": tmp_path / "new.pem",
    }
    names["D"].write_bytes(bytes(1000))
    line = [names.get(word, word) for word in case]
    mine = ours(line)
    assert mine.code == 2
    assert theirs(line).code != 0
    assert not names["O"].exists() and not names["N"].exists()


def test_signature_info_without_signature(tmp_path, ours, theirs):
    data = tmp_path / "data.bin"
    data.write_bytes(bytes(8192))
    mine, real = ours(["signature-info-v2", data]), theirs(["signature-info-v2", data])
    assert (mine.code, real.code) == (0, 0)
    phrase = "Signature block 0 absent/invalid"
    assert phrase in mine.out and phrase in real.text
