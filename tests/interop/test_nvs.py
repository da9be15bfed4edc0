# SPDX-License-Identifier: Apache-2.0
"""NVS images against the generator of ESP-IDF, in both directions, plain and encrypted."""

import csv
import io
import json
import os
import random
import subprocess
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest

gen = pytest.importorskip("esp_idf_nvs_partition_gen.nvs_partition_gen")

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / os.environ.get("SS_BUILD_DIR", "build/release") / "tests/nvs_tool"
RANGES = {kind + str(bits): (0 if kind == "u" else -(1 << (bits - 1)), (1 << (bits - (kind == "i"))) - 1)
          for kind in "ui" for bits in (8, 16, 32, 64)}


def row(key, type_="data", encoding="", value=""):
    return {"key": key, "type": type_, "encoding": encoding, "value": value}


def text_of(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, ["key", "type", "encoding", "value"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def by_generator(tmp_path, rows, size, version=2, keys=None):
    """The image that the generator makes."""
    source, image, key_file = tmp_path / "gen.csv", tmp_path / "gen.bin", tmp_path / "key.bin"
    source.write_text(text_of(rows), encoding="utf8")
    args = SimpleNamespace(input=[str(source)], output=str(image), size=hex(size), version=version,
                           outdir=str(tmp_path), keygen=False, inputkey=None, keyfile=None)
    if keys is None:
        gen.generate(args)
    else:
        key_file.write_bytes(keys)
        args.inputkey = str(key_file)
        gen.encrypt(args)
    return image


def run_tool(*args):
    return subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, timeout=60, check=False)


def dump(*args):
    done = run_tool("dump", *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_us(tmp_path, rows, size, version=2, keys=None):
    source, image, key_file = tmp_path / "own.csv", tmp_path / "own.bin", tmp_path / "own-key.bin"
    source.write_text(text_of(rows), encoding="utf8")
    args = ["build", source, size, version, image]
    if keys is not None:
        key_file.write_bytes(keys)
        args.append(key_file)
    done = run_tool(*args)
    assert done.returncode == 0, done.stderr
    return image


def expected(rows):
    """What a reader has to find for `rows`, in order."""
    found, namespace = [], None
    for r in rows:
        if r["type"] == "namespace":
            namespace = r["key"]
            continue
        kind, value = r["encoding"], r["value"]
        if kind == "string":
            value = value.encode().hex()
        elif kind in ("hex2bin", "base64", "binary"):
            kind, value = "blob", {"hex2bin": lambda: value, "binary": lambda: value.encode().hex(),
                                   "base64": lambda: gen.binascii.a2b_base64(value).hex()}[kind]()
        found.append({"namespace": namespace, "key": r["key"], "type": kind, "value": str(value)})
    return found


def key_image(keys):
    return (keys + zlib.crc32(keys, 0xFFFFFFFF).to_bytes(4, "little")).ljust(4096, b"\xff")


def random_rows(rng, version, count):
    rows, number = [], 0
    for namespace in range(rng.randint(1, 4)):
        rows.append(row(f"ns{namespace}", "namespace"))
        for _ in range(rng.randint(1, count)):
            number += 1
            encoding = rng.choice([*RANGES, "string", "string", "hex2bin", "hex2bin"])
            if encoding in RANGES:
                low, high = RANGES[encoding]
                value = rng.choice([low, high, rng.randint(low, high)])
            elif encoding == "string":
                limit = rng.choice([0, 31, 32, 200, 1983 if version == 1 else 3966])
                value = "".join(rng.choices('abc XYZ,;"0123äß', k=rng.randint(0, limit // 2)))
            else:
                limit = rng.choice([0, 1, 32, 500, 1984 if version == 1 else 12000])
                value = rng.randbytes(rng.randint(0, limit)).hex()
            rows.append(row(f"k{number}", encoding=encoding, value=value))
    return rows


def test_every_encoding_of_the_generator_is_read(tmp_path):
    rows = [row("cfg", "namespace")]
    for encoding, (low, high) in RANGES.items():
        rows.append(row(encoding + "-low", encoding=encoding, value=low))
        rows.append(row(encoding + "-high", encoding=encoding, value=high))
    rows += [row("text", encoding="string", value='comma, "quote", ünicode'),
             row("no-text", encoding="string", value=""),
             row("hex", encoding="hex2bin", value="00ff10"),
             row("b64", encoding="base64", value="AAECAwT/"),
             row("raw", encoding="binary", value="as it stands")]
    image = by_generator(tmp_path, rows, 0x3000)
    assert dump(image) == {"entries": expected(rows), "findings": []}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_random_stores(tmp_path, seed, version):
    rng = random.Random(f"{seed} {version}")
    rows = random_rows(rng, version, 12)
    keys = rng.randbytes(64) if seed % 2 else None
    size = 0x40000
    theirs = by_generator(tmp_path, rows, size, version, keys)
    ours = by_us(tmp_path, rows, size, version, key_image(keys) if keys else None)
    assert ours.read_bytes() == theirs.read_bytes()
    args = [theirs] + ([tmp_path / "own-key.bin"] if keys else [])
    assert dump(*args) == {"entries": expected(rows), "findings": []}


@pytest.mark.parametrize("before", [0, 1, 60, 122, 123, 124, 125, 126])
@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 64, 3936, 3968, 4000, 4001, 9000])
def test_blobs_at_every_kind_of_page_end(tmp_path, before, length):
    """`before` entries are taken when the blob comes: none, some, and each way to be nearly full."""
    rows = [row("n", "namespace")][:before] + [row(f"u{i}", encoding="u8", value=i) for i in range(before - 1)]
    rows += [] if before else [row("n", "namespace")]
    rows += [row("blob", encoding="hex2bin", value="5a" * length), row("after", encoding="u8", value=1)]
    ours = by_us(tmp_path, rows, 0x6000)
    assert ours.read_bytes() == by_generator(tmp_path, rows, 0x6000).read_bytes()
    assert dump(ours) == {"entries": expected(rows), "findings": []}


@pytest.mark.parametrize("before", [1, 60, 120, 123, 124, 125, 126])
@pytest.mark.parametrize("length", [0, 31, 32, 63, 64, 1983])
@pytest.mark.parametrize("version", [1, 2])
def test_strings_at_every_kind_of_page_end(tmp_path, before, length, version):
    rows = [row("n", "namespace")] + [row(f"u{i}", encoding="u8", value=i) for i in range(before - 1)]
    rows += [row("text", encoding="string", value="s" * length), row("after", encoding="u8", value=1)]
    ours = by_us(tmp_path, rows, 0x4000, version)
    assert ours.read_bytes() == by_generator(tmp_path, rows, 0x4000, version).read_bytes()
    assert dump(ours) == {"entries": expected(rows), "findings": []}


def test_longest_string_goes_beyond_the_generator(tmp_path):
    """ESP-IDF documents 4000 bytes with NUL; the generator cannot place more than 3968 of them."""
    rows = [row("n", "namespace"), row("text", encoding="string", value="s" * 3999)]
    with pytest.raises(gen.PageFullError):
        by_generator(tmp_path, rows, 0x4000)
    ours = by_us(tmp_path, rows, 0x4000)
    assert dump(ours) == {"entries": expected(rows), "findings": []}


def test_partition_full_where_the_generator_says_so(tmp_path):
    """Two of three pages are usable: 252 entries, one of them the namespace."""
    def rows(count):
        return [row("n", "namespace")] + [row(f"u{i}", encoding="u8", value=0) for i in range(count)]

    full = by_us(tmp_path, rows(251), 0x3000)
    assert full.read_bytes() == by_generator(tmp_path, rows(251), 0x3000).read_bytes()
    with pytest.raises(gen.InsufficientSizeError):
        by_generator(tmp_path, rows(252), 0x3000)
    (tmp_path / "own.csv").write_text(text_of(rows(252)), encoding="utf8")
    done = run_tool("build", tmp_path / "own.csv", 0x3000, 2, tmp_path / "full.bin")
    assert done.returncode == 1
    assert "'u251' does not fit: partition is 12288 bytes, its 2 usable pages of 126 entries are full" in done.stderr


def test_generator_decrypts_what_we_encrypt(tmp_path):
    rng = random.Random(7)
    rows, keys = random_rows(rng, 2, 20), rng.randbytes(64)
    plain = by_us(tmp_path, rows, 0x40000).read_bytes()
    sealed = by_us(tmp_path, rows, 0x40000, 2, key_image(keys))
    gen.decrypt(SimpleNamespace(input=str(sealed), key=str(tmp_path / "own-key.bin"), output="out.bin",
                                outdir=str(tmp_path)))
    assert (tmp_path / "out.bin").read_bytes() == plain


def test_keys_that_the_generator_makes_are_read(tmp_path):
    gen.generate_key(SimpleNamespace(keyfile="made.bin", outdir=str(tmp_path), key_protect_hmac=False))
    made = tmp_path / "keys/made.bin"
    rows = [row("n", "namespace"), row("secret", encoding="string", value="hunter2")]
    theirs = by_generator(tmp_path, rows, 0x3000, 2, made.read_bytes()[:64])
    assert made.read_bytes() == key_image(made.read_bytes()[:64])
    assert dump(theirs, made) == {"entries": expected(rows), "findings": []}
    assert dump(theirs)["entries"] == []
