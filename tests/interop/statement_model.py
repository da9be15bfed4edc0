# SPDX-License-Identifier: Apache-2.0
"""Statements written down a second time, from docs/statements.md: cbor2 encodes, pycose signs and verifies."""

import hashlib

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from pycose.algorithms import Es256
from pycose.headers import KID, Algorithm, ContentType
from pycose.keys import EC2Key
from pycose.keys.curves import P256
from pycose.messages import CoseMessage, Sign1Message, SignMessage
from pycose.messages.signer import CoseSignature

KINDS = ("release", "delivery", "key-set", "rollout", "freshness")
FIELDS = {
    "release": ("product", "chip", "version", "secure_version", "image_length", "digest", "vk_offset", "secure_boot",
                "table_digest", "bootloader_needs", "timestamp"),
    "delivery": ("device", "release", "slot_address", "slot_size", "length", "window", "window_digests", "epoch",
                 "sequence", "expires"),
    "key-set": ("product", "version", "threshold", "root_keys", "release_keys", "delivery_keys", "operator_keys",
                "cas", "servers", "not_before", "not_after", "previous_until"),
    "rollout": ("product", "id", "release", "list", "devices", "stages", "not_before", "expires"),
    "freshness": ("product", "time", "leaves", "root"),
}
PROOF = -65537


def sha256(data):
    return hashlib.sha256(data).digest()


class Key:
    """A P-256 key whose secret is the hash of a name."""

    def __init__(self, name):
        secret = sha256(name.encode())
        numbers = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()).public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        self.raw = x + y
        self.id = sha256(self.raw)[:8]
        self.secret = secret
        self.cose = EC2Key(crv=P256, x=x, y=y, d=secret)


def sample_key(n):
    """The keys of the C tests: tests/support/statement_sample.h."""
    return Key(f"slotseal test key {n}")


def encode(value):
    return cbor2.dumps(value, canonical=True)


def payload(kind, fields):
    """Fields by name to the map of integers; None is a field that is not there."""
    assert set(fields) <= set(FIELDS[kind]), fields
    return encode({n: fields[name] for n, name in enumerate(FIELDS[kind], 1) if fields.get(name) is not None})


def content_type(kind):
    return f"application/vnd.slotseal.{kind}.v1"


def sign1(kind, body, key, proof=None, phdr=None):
    message = Sign1Message(phdr=phdr or {Algorithm: Es256, ContentType: content_type(kind), KID: key.id},
                           uhdr={} if proof is None else {PROOF: proof}, payload=body)
    message.key = key.cose
    return message.encode()


def sign_key_set(body, keys, phdr=None):
    signers = []
    for key in sorted(keys, key=lambda k: k.id):
        signer = CoseSignature(phdr={Algorithm: Es256, KID: key.id})
        signer.key = key.cose
        signers.append(signer)
    return SignMessage(phdr=phdr or {ContentType: content_type("key-set")}, payload=body, signers=signers).encode()


def make(kind, fields, key):
    return sign1(kind, payload(kind, fields), key)


def read(data, keys):
    """Kind and fields of a statement whose signatures all verify; AssertionError otherwise."""
    by_id = {key.id: key for key in keys}
    message = CoseMessage.decode(data)
    assert encode(cbor2.loads(data)) == data, "not deterministic"
    kind = message.phdr[ContentType].removeprefix("application/vnd.slotseal.").removesuffix(".v1")
    for signer in message.signers if kind == "key-set" else [message]:
        signer.key = by_id[signer.phdr[KID]].cose
        assert signer.phdr[Algorithm] is Es256
        assert signer.verify_signature()
    fields = cbor2.loads(message.payload)
    assert encode(fields) == message.payload, "not deterministic"
    return kind, {FIELDS[kind][n - 1]: value for n, value in fields.items()}, message


# RFC 9162 §2.1, by the book.


def tree_root(leaves):
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0])
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\1" + tree_root(leaves[:k]) + tree_root(leaves[k:]))


def tree_path(m, leaves):
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if m < k:
        return tree_path(m, leaves[:k]) + [tree_root(leaves[k:])]
    return tree_path(m - k, leaves[k:]) + [tree_root(leaves[:k])]


def leaf(device, key_set, release=None):
    return encode({1: device, 2: key_set} | ({3: release} if release else {}))


def make_freshness(product, time, leaves, index, key):
    body = payload("freshness", {"product": product, "time": time, "leaves": len(leaves), "root": tree_root(leaves)})
    return sign1("freshness", body, key, [leaves[index], index, b"".join(tree_path(index, leaves))])
