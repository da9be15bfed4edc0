# SPDX-License-Identifier: Apache-2.0
"""Flash encryption: the drop-in and the real espsecure write the same bytes and refuse the same things."""
import pytest


def write(path, data):
    path.write_bytes(data)
    return path


def both(tmp_path, ours, theirs, command, args, data, key):
    """Runs both on the same input; returns their outputs after having compared exit codes."""
    source = write(tmp_path / "in.bin", data)
    keyfile = write(tmp_path / "key.bin", key)
    keyfile.chmod(0o600)
    outputs = []
    codes = []
    for name, run in (("ours", ours), ("theirs", theirs)):
        out = tmp_path / f"{name}.bin"
        out.unlink(missing_ok=True)
        codes.append(run([command, "--keyfile", keyfile, "--output", out, *args, source]).code)
        outputs.append(out.read_bytes() if out.exists() and codes[-1] == 0 else None)
    assert codes[0] == codes[1]
    return outputs


@pytest.mark.parametrize("config", range(16))
@pytest.mark.parametrize("command", ["encrypt-flash-data", "decrypt-flash-data"])
def test_esp32_every_crypt_config(tmp_path, ours, theirs, rng, config, command):
    for key_len in (32, 24):
        address = rng.randrange(0, 0x1000000 - 4096, 16)
        data = rng.randbytes(rng.randrange(16, 2048, 16))
        args = ["--address", hex(address), "--flash-crypt-conf", hex(config)]
        mine, real = both(tmp_path, ours, theirs, command, args, data, rng.randbytes(key_len))
        assert mine is not None and mine == real


@pytest.mark.parametrize("round_", range(40))
def test_esp32_random_length_and_address(tmp_path, ours, theirs, rng, round_):
    key = rng.randbytes(rng.choice([32, 32, 24]))
    data = rng.randbytes(rng.randrange(0, 20000, 16))
    address = rng.choice([0, 0x1000, 0x8000, 0xD000, 0x10000, 0x160000, rng.randrange(0, 0xFF0000, 16)])
    command = rng.choice(["encrypt-flash-data", "decrypt-flash-data"])
    mine, real = both(tmp_path, ours, theirs, command, ["-a", str(address)], data, key)
    assert mine is not None and mine == real


@pytest.mark.parametrize("key_len", [16, 32, 64])
@pytest.mark.parametrize("command", ["encrypt-flash-data", "decrypt-flash-data"])
@pytest.mark.parametrize("round_", range(8))
def test_xts(tmp_path, ours, theirs, rng, key_len, command, round_):
    data = rng.randbytes(rng.randrange(16, 5000, 16))
    address = rng.randrange(0, 0x1000000, 16)
    mine, real = both(tmp_path, ours, theirs, command, ["-x", "-a", hex(address)], data, rng.randbytes(key_len))
    assert mine is not None and mine == real


def test_partial_last_block_is_padded_with_ff(tmp_path, ours, theirs, rng):
    """The original pads with random bytes: equal up to the last whole block, and ours is reproducible."""
    data, key = rng.randbytes(100), rng.randbytes(32)
    mine, real = both(tmp_path, ours, theirs, "encrypt-flash-data", ["-a", "0x10000"], data, key)
    assert len(mine) == len(real) == 112
    assert mine[:96] == real[:96]
    padded, again = both(tmp_path, ours, theirs, "encrypt-flash-data", ["-a", "0x10000"], data + b"\xff" * 12, key)
    assert mine == padded == again


REFUSALS = [
    # command, arguments, data length, key length, phrase that both print
    ("encrypt-flash-data", ["-a", "8"], 32, 32, "must be a multiple of 16"),
    ("encrypt-flash-data", ["-a", "0x10000"], 32, 31, "16, 24, 32 or 64 expected"),
    ("encrypt-flash-data", ["-a", "0x10000"], 32, 64, "ESP32 supports only 192 and 256-bit keys"),
    ("encrypt-flash-data", ["-a", "0x10000"], 32, 16, "ESP32 supports only 192 and 256-bit keys"),
    ("decrypt-flash-data", ["-a", "0x10000"], 33, 32, "not a multiple of 16 bytes"),
    ("encrypt-flash-data", ["-x", "-a", "0x10000"], 32, 24, "AES_XTS supports only 128, 256, and 512-bit keys"),
    ("encrypt-flash-data", ["-x", "-a", "0x10000"], 33, 32, "must be a multiple of 16"),
    ("encrypt-flash-data", ["-x", "-a", "0x10008"], 32, 32, "must be a multiple of 16"),
    ("decrypt-flash-data", ["-x", "-a", "0x10000"], 0, 32, ""),
    ("encrypt-flash-data", [], 32, 32, ""),
    ("encrypt-flash-data", ["-a", "x"], 32, 32, ""),
    ("encrypt-flash-data", ["-a", "0", "--no-such-option"], 32, 32, ""),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda c: f"{c[0]} {' '.join(c[1])} {c[2]} {c[3]}")
def test_refusals(tmp_path, ours, theirs, rng, case):
    command, args, data_len, key_len, phrase = case
    source = write(tmp_path / "in.bin", rng.randbytes(data_len))
    keyfile = write(tmp_path / "key.bin", rng.randbytes(key_len))
    keyfile.chmod(0o600)
    out = tmp_path / "out.bin"
    line = [command, "-k", keyfile, "-o", out, *args, source]
    mine = ours(line)
    assert not out.exists()
    real = theirs(line)
    assert (mine.code, real.code) == (2, 2)
    assert phrase in real.text
    assert phrase in mine.out + mine.err


def test_missing_file_and_same_file(tmp_path, ours, theirs, rng):
    key = write(tmp_path / "key.bin", rng.randbytes(32))
    key.chmod(0o600)
    data = write(tmp_path / "data.bin", bytes(64))
    for line in (
        ["encrypt-flash-data", "-k", key, "-o", tmp_path / "o", "-a", "0", tmp_path / "nothing"],
        ["encrypt-flash-data", "-k", tmp_path / "nothing", "-o", tmp_path / "o", "-a", "0", data],
        ["encrypt-flash-data", "-k", key, "-o", tmp_path / "no" / "such" / "folder", "-a", "0", data],
    ):
        assert ours(line).code != 0 and theirs(line).code != 0
    same = ["encrypt-flash-data", "-k", key, "-o", data, "-a", "0", data]
    mine = ours(same)
    assert mine.code == 2 and "should not be the same!" in mine.out + mine.err
    assert data.read_bytes() == bytes(64)


@pytest.mark.parametrize("bits", [128, 192, 256, 512])
def test_generate_key(tmp_path, ours, theirs, bits):
    mine, real = tmp_path / "mine", tmp_path / "real"
    assert ours(["generate-flash-encryption-key", "--keylen", bits, mine]).code == 0
    assert theirs(["generate-flash-encryption-key", "--keylen", bits, real]).code == 0
    assert mine.stat().st_size == real.stat().st_size == bits // 8
    assert mine.stat().st_mode & 0o777 == 0o600


def test_existing_key_is_never_overwritten(tmp_path, ours):
    key = write(tmp_path / "key.bin", bytes(32))
    assert ours(["generate-flash-encryption-key", key]).code == 2
    assert key.read_bytes() == bytes(32)


def test_errors_go_where_this_generation_prints_them(tmp_path, ours, rng):
    import conftest

    key = write(tmp_path / "key.bin", rng.randbytes(31))
    mine = ours(["encrypt-flash-data", "-k", key, "-o", tmp_path / "o", "-a", "0", key])
    assert mine.code == 2
    stream, other = (mine.err, mine.out) if conftest.GENERATION >= 5 else (mine.out, mine.err)
    assert "A fatal error occurred: " in stream
    assert "A fatal error occurred: " not in other
