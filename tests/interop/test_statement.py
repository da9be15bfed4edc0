# SPDX-License-Identifier: Apache-2.0
"""Statements against a second implementation (cbor2 and pycose): theirs reads ours, ours reads theirs, and everything
that is not exactly right is refused by ours."""

import json
import random
import re

import pytest

cbor2 = pytest.importorskip("cbor2")
pytest.importorskip("pycose")

import statement_model as model  # noqa: E402
from conftest import ONCE, ROOT, run_slotseal  # noqa: E402
from pycose.algorithms import Es256, Es384  # noqa: E402
from pycose.headers import KID, Algorithm, ContentType  # noqa: E402

pytestmark = ONCE

NOW = 1800000000
ROOTS = [model.Key(f"root {n}") for n in range(3)]
RELEASE, DELIVERY, OPERATOR, STRANGER = (model.Key(n) for n in ("release", "delivery", "operator", "stranger"))
ALL = [*ROOTS, RELEASE, DELIVERY, OPERATOR]
SIGNER = {"release": RELEASE, "delivery": DELIVERY, "rollout": OPERATOR, "freshness": DELIVERY}


def pem(tmp_path, key, name):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    path = tmp_path / f"{name}.pem"
    private = ec.derive_private_key(int.from_bytes(key.secret, "big"), ec.SECP256R1())
    path.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                           serialization.NoEncryption()))
    path.chmod(0o600)
    return path


def key_set_fields(rng):
    fields = {
        "product": "thermostat", "version": rng.choice([1, 24, 256, 70000]), "threshold": 2,
        "root_keys": sorted(k.raw for k in ROOTS), "release_keys": [RELEASE.raw],
        "delivery_keys": [[DELIVERY.raw, 3]], "operator_keys": [OPERATOR.raw],
    }
    if rng.random() < 0.5:
        fields["cas"] = sorted(rng.randbytes(32) for _ in range(rng.randint(1, 4)))
    if rng.random() < 0.5:
        fields["servers"] = [f"https://{n}.example.com" for n in range(rng.randint(1, 4))]
    for name in ("not_before", "not_after", "previous_until"):
        if rng.random() < 0.5:
            fields[name] = NOW + {"not_before": -10, "not_after": 10, "previous_until": 5}[name]
    return fields


def release_fields(rng):
    length = 16 * rng.randint(64, 100000)
    return {
        "product": "thermostat", "chip": rng.choice([0, 9, 13]), "version": rng.choice(["1.0", "v2.3-rc1 (dirty)"]),
        "secure_version": rng.choice([0, 23, 24, 4294967295]), "image_length": length, "digest": rng.randbytes(32),
        "vk_offset": rng.choice([None, 32, length - 64]), "secure_boot": rng.randint(0, 2),
        "table_digest": rng.choice([None, rng.randbytes(32)]), "bootloader_needs": rng.randint(0, 3),
        "timestamp": rng.choice([1, NOW, 2**53 - 1]),
    }


def delivery_fields(rng):
    slot_size = 4096 * rng.randint(1, 1024)
    length = 16 * rng.randint(1, slot_size // 16)
    window = 4096 * max(1, -(-slot_size // 4096 // 32) + rng.randint(0, 1))
    while -(-length // window) > 32:
        window += 4096
    return {
        "device": rng.choice(["240ac4123456", "a", "x" * 64, "A.b-c_9"]), "release": rng.randbytes(32),
        "slot_address": 4096 * rng.randint(1, 4095), "slot_size": slot_size, "length": length, "window": window,
        "window_digests": rng.randbytes(32 * -(-length // window)), "epoch": 3,
        "sequence": rng.choice([1, 1000, 2**53 - 1]), "expires": rng.choice([None, NOW + 1, 2**53 - 1]),
    }


def rollout_fields(rng):
    targets = rng.choice(["product", "list", "devices"])
    return {
        "product": "thermostat", "id": "spring-2027", "release": rng.randbytes(32),
        "list": [rng.randbytes(32), 12345] if targets == "list" else None,
        "devices": sorted({f"dev-{rng.randint(0, 99)}" for _ in range(9)}) if targets == "devices" else None,
        "stages": [[p, rng.randint(0, 100000), rng.randint(0, 100)] for p in sorted(rng.sample(range(1, 100), 3))]
        + [[100, 0, 100]],
        "not_before": NOW - 1, "expires": NOW + 1,
    }


MAKERS = {"release": release_fields, "delivery": delivery_fields, "rollout": rollout_fields}


def one(kind, rng):
    """A statement of theirs and what it says."""
    if kind == "freshness":
        leaves = [model.leaf(f"device-{n}", n + 1, rng.choice([None, rng.randbytes(32)]))
                  for n in range(rng.randint(1, 40))]
        index = rng.randrange(len(leaves))
        return model.make_freshness("thermostat", NOW - 5, leaves, index, DELIVERY), {"index": index}
    fields = key_set_fields(rng) if kind == "key-set" else MAKERS[kind](rng)
    if kind == "key-set":
        return model.sign_key_set(model.payload(kind, fields), rng.sample(ROOTS, rng.randint(2, 3))), fields
    return model.make(kind, fields, SIGNER[kind]), fields


@pytest.fixture
def key_set(tmp_path):
    """A key set of theirs, for ours to trust."""
    fields = key_set_fields(random.Random(1)) | {"not_before": None, "not_after": None}
    path = tmp_path / "fleet.keys"
    path.write_bytes(model.sign_key_set(model.payload("key-set", fields), ROOTS[:2]))
    return path


def verify(tmp_path, data, key_set):
    path = tmp_path / "statement"
    path.write_bytes(data)
    args = [] if key_set is None else ["--key-set", key_set]
    return run_slotseal("statement", "verify", path, *args, "--time", NOW, "--json")


def shown(tmp_path, data):
    path = tmp_path / "statement"
    path.write_bytes(data)
    done = run_slotseal("statement", "show", path, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.mark.parametrize("kind", model.KINDS)
def test_ours_reads_theirs(tmp_path, rng, key_set, kind):
    for _ in range(10):
        data, fields = one(kind, rng)
        done = verify(tmp_path, data, None if kind == "key-set" else key_set)
        assert done.code == 0, done.err
        assert json.loads(done.out)["kind"] == kind
        says = shown(tmp_path, data)
        assert says["bytes"] == len(data)
        for name in ("product", "version", "secure_version", "image_length", "vk_offset", "device", "slot_address",
                     "slot_size", "length", "window", "epoch", "sequence", "threshold", "servers", "id", "index"):
            if fields.get(name) is not None:
                assert says[name] == fields[name], name
        for name in ("digest", "table_digest", "release"):
            if fields.get(name) is not None:
                assert says[name] == fields[name].hex(), name


def test_theirs_reads_ours(tmp_path, rng):
    paths = {name: pem(tmp_path, key, name) for name, key in
             [("r0", ROOTS[0]), ("r1", ROOTS[1]), ("r2", ROOTS[2]), ("release", RELEASE), ("delivery", DELIVERY)]}

    def ours(*args):
        done = run_slotseal(*args)
        assert done.code == 0, done.err

    ours("keyset", "new", "--product", "thermostat", "--root-keys", f"{paths['r0']},{paths['r1']},{paths['r2']}",
         "--threshold", 2, "--release-keys", paths["release"], "--delivery-keys", paths["delivery"],
         "--update-server", "https://a.example,https://b.example", "--not-after", "2037-01-01", "-o", tmp_path / "k0")
    ours("keyset", "sign", tmp_path / "k0", "--key", paths["r2"], "-o", tmp_path / "k1")
    ours("keyset", "sign", tmp_path / "k1", "--key", paths["r0"], "-o", tmp_path / "k2")
    kind, fields, message = model.read((tmp_path / "k2").read_bytes(), ALL)
    assert kind == "key-set"
    assert fields == {"product": "thermostat", "version": 1, "threshold": 2,
                      "root_keys": sorted(k.raw for k in ROOTS), "release_keys": [RELEASE.raw],
                      "delivery_keys": [[DELIVERY.raw, 1]], "servers": ["https://a.example", "https://b.example"],
                      "not_after": 2114380800}
    assert [s.phdr[KID] for s in message.signers] == sorted([ROOTS[0].id, ROOTS[2].id])

    image = tmp_path / "app.bin"
    make_app(image, rng)
    ours("release", "sign", image, "--key", paths["release"], "--product", "thermostat", "--time", NOW,
         "-o", tmp_path / "release")
    kind, release, message = model.read((tmp_path / "release").read_bytes(), ALL)
    assert kind == "release"
    assert release == {"product": "thermostat", "chip": 0, "version": "9.8.7", "secure_version": 0,
                       "image_length": image.stat().st_size, "digest": model.sha256(image.read_bytes()),
                       "secure_boot": 0, "bootloader_needs": 0, "timestamp": NOW}
    reference = model.sha256(message.payload)

    sealed = tmp_path / "sealed"
    flash_key = tmp_path / "flash.key"
    flash_key.write_bytes(rng.randbytes(32))
    table = ROOT / "examples/forum/partitions.csv"
    ours("seal", image, "--table", table, "--slot", "ota_1", "--flash-key", flash_key, "-o", sealed)
    ours("release", "deliver", sealed, "--release", tmp_path / "release", "--key", paths["delivery"], "--key-set",
         tmp_path / "k2", "--device", "240ac4123456", "--table", table, "--slot", "ota_1", "--sequence", 77,
         "-o", tmp_path / "delivery")
    kind, delivery, _ = model.read((tmp_path / "delivery").read_bytes(), ALL)
    data = sealed.read_bytes()
    assert kind == "delivery"
    assert delivery == {
        "device": "240ac4123456", "release": reference, "slot_address": 0x160000, "slot_size": 0x150000,
        "length": len(data), "window": 45056, "epoch": 1, "sequence": 77,
        "window_digests": b"".join(model.sha256(data[at:at + 45056]) for at in range(0, len(data), 45056)),
    }


def make_app(path, rng):
    """The smallest app that passes: header, one mapped segment with a descriptor, checksum, hash."""
    import struct

    data = struct.pack("<II8x32s32s16s16s32s32s80x", 0xABCD5432, 0, b"9.8.7", b"sample", b"12:00:00", b"Jan 1 2024",
                       b"v4.0.1", bytes(32)) + rng.randbytes(100000 - 256)
    iram = rng.randbytes(64)
    body = struct.pack("<BBBBI", 0xE9, 2, 2, 0x20, 0x40080400) + struct.pack("<BBBBHBHHI B", 0xEE, 0, 0, 0, 0, 0, 0, 0,
                                                                             0, 1)
    assert len(body) == 24
    checksum = 0xEF
    for address, content in ((0x3F400020, data), (0x40080400, iram)):
        body += struct.pack("<II", address, len(content)) + content
        for byte in content:
            checksum ^= byte
    body += bytes(15 - len(body) % 16) + bytes([checksum])
    path.write_bytes(body + model.sha256(body))


# -- What ours must refuse --------------------------------------------------------------------------------------------


def refused(tmp_path, data, key_set, *reasons):
    done = verify(tmp_path, data, key_set)
    if done.code == 1:  # not a statement at all
        assert "this is no statement" in done.err, done.err
        return "no statement"
    assert done.code == 3, (done.code, done.out, done.err)
    reason = json.loads(done.out)["reason"]
    assert not reasons or reason in reasons, reason
    return reason


@pytest.mark.parametrize("kind", model.KINDS)
def test_bits_and_bytes_changed(tmp_path, rng, key_set, kind):
    """40 small damages of each kind."""
    data, _ = one(kind, rng)
    for _ in range(40):
        damaged = bytearray(data)
        at = rng.randrange(len(data))
        how = rng.randrange(4)
        if how == 0:
            damaged[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            del damaged[at]
        elif how == 2:
            damaged.insert(at, rng.randrange(256))
        else:
            damaged = damaged[:at]
        # Inserting the byte that is there already changes nothing before the end of a run; it does change the length.
        refused(tmp_path, bytes(damaged), None if kind == "key-set" else key_set)


def well_signed(kind, fields):
    return model.make(kind, fields, SIGNER[kind])


@pytest.mark.parametrize("kind", ["release", "delivery", "rollout"])
def test_every_field_missing_or_of_another_type(tmp_path, rng, key_set, kind):
    """Signed by the right key: only the parser stands between these and a device."""
    good = MAKERS[kind](random.Random(5))
    optional = {"vk_offset", "table_digest", "expires" if kind == "delivery" else "", "list", "devices"}
    for number, name in enumerate(model.FIELDS[kind], 1):
        if good.get(name) is not None and name not in optional:
            without = model.payload(kind, good | {name: None})
            assert refused(tmp_path, model.sign1(kind, without, SIGNER[kind]), key_set) == "no statement"
        others = (None, True, 1.5, -1, 2**53, 2**64, "", "\u00fc", b"", b"x", [], {}, cbor2.CBORTag(1, 1))
        for value in rng.sample(others, 5):
            fields = {n: good[f] for n, f in enumerate(model.FIELDS[kind], 1) if good.get(f) is not None}
            fields[number] = value
            data = model.sign1(kind, model.encode(fields), SIGNER[kind])
            assert refused(tmp_path, data, key_set) == "no statement"


def test_encodings_that_are_not_the_one(tmp_path, key_set):
    """Valid CBOR and validly signed, but not deterministic, or with something more."""
    fields = release_fields(random.Random(3)) | {"vk_offset": None, "table_digest": None, "secure_version": 3}
    body = model.payload("release", fields)
    assert body[0] == 0xA9

    def with_payload(changed):
        assert cbor2.loads(changed) is not None
        return model.sign1("release", changed, RELEASE)

    secure_version = body.index(b"\x04\x03")
    cases = {
        "indefinite map": b"\xbf" + body[1:] + b"\xff",
        "longer map head": b"\xb8\x09" + body[1:],
        "longer key": body[:secure_version] + b"\x18\x04" + body[secure_version + 1:],
        "longer integer": body[:secure_version + 1] + b"\x18\x03" + body[secure_version + 2:],
        "still longer integer": body[:secure_version + 1] + b"\x19\x00\x03" + body[secure_version + 2:],
        "longest integer": body[:secure_version + 1] + b"\x1b" + bytes(7) + b"\x03" + body[secure_version + 2:],
        "bignum": body[:secure_version + 1] + b"\xc2\x41\x03" + body[secure_version + 2:],
        "field twice": b"\xaa" + body[1:] + body[secure_version:secure_version + 2],
        "unknown field": b"\xaa" + body[1:] + b"\x0c\x00",
        "field zero": b"\xaa\x00\x00" + body[1:],
        "negative field": b"\xaa" + body[1:] + b"\x20\x00",
        "text field": b"\xaa" + body[1:] + b"\x61a\x00",
        "fields swapped": cbor2.dumps(dict(reversed(cbor2.loads(body).items()))),
        "chunked text": body[:1] + b"\x01\x7f\x65therm\x65ostat\xff" + body[13:],
        "empty map": b"\xa0",
        "not a map": b"\x00",
    }
    assert body[1:13] == b"\x01\x6athermostat"
    for name, changed in cases.items():
        assert refused(tmp_path, with_payload(changed), key_set) == "no statement", name
    for name, changed in {"bytes behind": body + b"\x00", "cut": body[:-1]}.items():
        data = model.sign1("release", changed, RELEASE)
        assert refused(tmp_path, data, key_set) == "no statement", name


def test_envelopes_that_are_not_the_one(tmp_path, key_set):
    fields = release_fields(random.Random(3))
    body = model.payload("release", fields)
    good = model.sign1("release", body, RELEASE)
    assert verify(tmp_path, good, key_set).code == 0
    tagged = cbor2.loads(good)
    protected, unprotected, payload, signature = tagged.value
    header = {Algorithm: Es256, ContentType: model.content_type("release"), KID: RELEASE.id}

    def again(*parts, tag=18):
        return model.encode(cbor2.CBORTag(tag, list(parts)))

    assert again(protected, unprotected, payload, signature) == good
    cases = {
        "untagged": model.encode([protected, unprotected, payload, signature]),
        "as COSE_Mac0": again(protected, unprotected, payload, signature, tag=17),
        "as COSE_Sign": again(protected, unprotected, payload, signature, tag=98),
        "tagged twice": model.encode(cbor2.CBORTag(55799, tagged)),
        "CWT tag": model.encode(cbor2.CBORTag(61, tagged)),
        "detached payload": again(protected, unprotected, None, signature),
        "key id in the unprotected header": again(protected, {4: RELEASE.id}, payload, signature),
        "a countersignature": again(protected, {11: b"x"}, payload, signature),
        "five parts": again(protected, unprotected, payload, signature, b""),
        "three parts": again(protected, unprotected, payload),
        "no signature": again(protected, unprotected, payload, b""),
        "signature with zeros before": again(protected, unprotected, payload, bytes(2) + signature),
        "signature as DER": again(protected, unprotected, payload, b"\x30\x44\x02\x20" + signature),
        "empty protected header": again(b"", unprotected, payload, signature),
        "bytes behind": good + b"\x00",
        "twice": good + good,
        "in a list": model.encode([tagged]),
    }
    for name, data in cases.items():
        assert refused(tmp_path, data, key_set) == "no statement", name
    headers = {
        "no key id": {Algorithm: Es256, ContentType: header[ContentType]},
        "no content type": {Algorithm: Es256, KID: RELEASE.id},
        "another content type": header | {ContentType: "application/vnd.slotseal.release.v2"},
        "content type as a number": header | {ContentType: 60},
        "another algorithm": header | {Algorithm: Es384},
        "a longer key id": header | {KID: RELEASE.id + b"\0"},
        "a critical header": header | {2: [1]},
    }
    for name, changed in headers.items():
        raw = model.encode({k if isinstance(k, int) else k.identifier: getattr(v, "identifier", v)
                            for k, v in changed.items()})
        assert refused(tmp_path, again(raw, {}, payload, signature), key_set) == "no statement", name


def test_no_role_speaks_for_another(tmp_path, rng, key_set):
    for kind in MAKERS:
        fields = MAKERS[kind](rng)
        for key in (ROOTS[0], RELEASE, DELIVERY, OPERATOR):
            if key is not SIGNER[kind]:
                assert refused(tmp_path, model.make(kind, fields, key), key_set) == "signer-role"
        assert refused(tmp_path, model.make(kind, fields, STRANGER), key_set) == "signer-unknown"
        # The payload of one kind under the content type of another, and with the key of either.
        for other in MAKERS:
            if other != kind:
                body = model.payload(kind, fields)
                assert refused(tmp_path, model.sign1(other, body, SIGNER[other]), key_set) == "no statement"
        # The right key is named, another one signed.
        header = {Algorithm: Es256, ContentType: model.content_type(kind), KID: SIGNER[kind].id}
        data = model.sign1(kind, model.payload(kind, fields), STRANGER, phdr=header)
        assert refused(tmp_path, data, key_set) == "signature"


def test_roots_below_the_threshold(tmp_path, rng):
    body = model.payload("key-set", key_set_fields(rng))
    assert refused(tmp_path, model.sign_key_set(body, ROOTS[:1]), None) == "new-roots"
    assert refused(tmp_path, model.sign_key_set(body, [ROOTS[0], STRANGER, RELEASE]), None) == "new-roots"
    assert verify(tmp_path, model.sign_key_set(body, [ROOTS[0], STRANGER, ROOTS[2]]), None).code == 0
    tagged = cbor2.loads(model.sign_key_set(body, ROOTS[:2]))
    signers = tagged.value[3]
    for changed in (signers[::-1], [signers[0]] * 2, [*signers, signers[1]]):
        tagged.value[3] = changed
        assert refused(tmp_path, model.encode(tagged), None) == "no statement"


def test_paths_of_other_leaves(tmp_path, rng, key_set):
    leaves = [model.leaf(f"device-{n}", 1) for n in range(13)]
    body = model.payload("freshness", {"product": "thermostat", "time": NOW, "leaves": 13,
                                       "root": model.tree_root(leaves)})
    for index in range(13):
        path = b"".join(model.tree_path(index, leaves))
        good = model.sign1("freshness", body, DELIVERY, [leaves[index], index, path])
        assert verify(tmp_path, good, key_set).code == 0
        other = (index + 1) % 12
        data = model.sign1("freshness", body, DELIVERY, [leaves[other], index, path])
        assert refused(tmp_path, data, key_set) == "proof"
        data = model.sign1("freshness", body, DELIVERY, [leaves[index], index, path[32:]])
        assert refused(tmp_path, data, key_set) == "no statement"
    future = model.payload("freshness", {"product": "thermostat", "time": NOW + 1, "leaves": 1,
                                         "root": model.tree_root(leaves[:1])})
    assert refused(tmp_path, model.sign1("freshness", future, DELIVERY, [leaves[0], 0, b""]), key_set) == "future"


def test_examples_of_the_documentation(tmp_path):
    """The dumps of docs/statements.md are statements, and are those of the vectors."""
    text = (ROOT / "docs/statements.md").read_text(encoding="utf8")
    vectors = (ROOT / "tests/vectors/statement.data").read_text(encoding="utf8")
    keys = [model.sample_key(n) for n in range(1, 13)]
    kinds = []
    for block in re.findall(r"^```\n(d[28].*?)^```", text, re.M | re.S):
        digits = "".join(re.match(r" *([0-9a-f]+)(?:  |$)", line)[1] for line in block.splitlines())
        data = bytes.fromhex(digits)
        kind, _, _ = model.read(data, keys)
        assert shown(tmp_path, data)["kind"] == kind
        assert f"statement = {digits}\n" in vectors
        assert f"({len(data)} bytes):" in text
        kinds.append(kind)
    assert tuple(kinds) == model.KINDS
