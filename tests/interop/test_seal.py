# SPDX-License-Identifier: Apache-2.0
"""The main job on real input: sign, pad, seal for one device and slot, and the real espsecure must make the same file."""
import json
import os
import pathlib

import pytest
from conftest import BUILD, ROOT

TABLE = ROOT / "examples/forum/partitions.csv"
SLOTS = {"ota_0": 0x10000, "ota_1": 0x160000}
MATERIAL = pathlib.Path(os.environ.get("SS_TEST_MATERIAL", ROOT / "../shared")) / "firmware"


def images():
    """The demo firmware, small and large, and a real app and bootloaders where they are."""
    found = [BUILD / f"firmware/demo-{name}.bin" for name in ("1.0.0", "2.0.0", "large")]
    return found + sorted(MATERIAL.glob("app-*.bin"))


def bootloaders():
    return sorted(MATERIAL.glob("bootloader-*.bin"))


@pytest.fixture
def flash_key(tmp_path, slotseal):
    assert slotseal("key", "generate", "--type", "flash", "-o", tmp_path / "flash.key").code == 0
    return tmp_path / "flash.key"


@pytest.fixture
def sign_key(tmp_path, slotseal):
    assert slotseal("key", "generate", "--type", "secure-boot-v1", "-o", tmp_path / "sign.pem").code == 0
    return tmp_path / "sign.pem"


def unsigned(path, tmp_path, slotseal):
    """The image without the signature that a real app may carry."""
    signature = json.loads(slotseal("image", "info", path, "--json").out)["signature"]
    out = tmp_path / "unsigned.bin"
    out.write_bytes(path.read_bytes()[: signature["offset"] if signature else None])
    return out


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("image", images(), ids=lambda p: p.name)
def test_sign_and_seal_an_app(tmp_path, slotseal, theirs, flash_key, sign_key, image, slot):
    plain = unsigned(image, tmp_path, slotseal)
    signed, sealed = tmp_path / "signed.bin", tmp_path / "sealed.bin"
    assert slotseal("sign", "--scheme", "v1", "--key", sign_key, plain, "-o", signed).code == 0
    result = slotseal("seal", signed, "--table", TABLE, "--slot", slot, "--flash-key", flash_key, "-o", sealed)
    assert result.code == 0, result.err

    their_signed, padded, their_sealed = (tmp_path / n for n in ("their-signed", "padded", "their-sealed"))
    line = ["sign-data", "--version", "1", "--output", their_signed, "--keyfile", sign_key, "--", plain]
    assert theirs(line).code == 0
    assert signed.read_bytes() == their_signed.read_bytes()
    content = signed.read_bytes()
    padded.write_bytes(content + b"\xff" * (-len(content) % 16))
    line = ["encrypt-flash-data", "--keyfile", flash_key, "--address", hex(SLOTS[slot]), "--output", their_sealed, padded]
    assert theirs(line).code == 0
    assert sealed.read_bytes() == their_sealed.read_bytes()

    opened, other = tmp_path / "opened.bin", tmp_path / "other.bin"
    line = ["decrypt-flash-data", "--keyfile", flash_key, "--address", hex(SLOTS[slot]), "--output", opened, sealed]
    assert theirs(line).code == 0
    assert opened.read_bytes() == padded.read_bytes()
    wrong = next(s for s in SLOTS if s != slot)
    result = slotseal("unseal", sealed, "--table", TABLE, "--slot", wrong, "--flash-key", flash_key, "-o", other)
    assert result.code == 3 and not other.exists()


def test_the_large_image_fills_the_slot(tmp_path, slotseal, flash_key, sign_key):
    """Secure padding, signature and filler included it is exactly as long as the forum's slot."""
    elf, image, signed, sealed = BUILD / "firmware/demo-large.elf", *(tmp_path / n for n in ("image", "signed", "sealed"))
    assert slotseal("image", "build", "--elf", elf, "--secure-pad", "v1", "-o", image).code == 0
    assert slotseal("sign", "--key", sign_key, image, "-o", signed).code == 0
    line = ["seal", signed, "--table", TABLE, "--slot", "ota_1", "--flash-key", flash_key, "-o", sealed]
    assert slotseal(*line).code == 0
    assert signed.stat().st_size == 0x14FFF4 and sealed.stat().st_size == 0x150000


@pytest.mark.skipif(not bootloaders(), reason="no real bootloaders here")
@pytest.mark.parametrize("bootloader", bootloaders(), ids=lambda p: p.name)
def test_seal_a_real_bootloader(tmp_path, slotseal, theirs, flash_key, bootloader):
    """Its header says 2 MB, which the forum's table does not fit: refused, and sealed once the header says 4 MB."""
    line = ["seal", bootloader, "--region", "bootloader", "--table", TABLE, "--flash-key", flash_key]
    out = tmp_path / "bootloader.sealed"
    refused = slotseal(*line, "-o", out)
    assert refused.code == 1 and "header says 0x200000 bytes" in refused.err and not out.exists()
    assert slotseal(*line, "--flash-size", "4MB", "-o", out).code == 0
    opened = tmp_path / "opened.bin"
    command = ["decrypt-flash-data", "--keyfile", flash_key, "--address", "0x1000", "--output", opened, out]
    assert theirs(command).code == 0
    plain, original = opened.read_bytes(), bootloader.read_bytes()
    assert plain[3] >> 4 == 2 and plain[4:24] == original[4:24]
    assert slotseal("image", "info", opened).code == 0


@pytest.mark.skipif(not (MATERIAL / "forum-table.bin").exists(), reason="no reference table here")
def test_the_forum_table_is_the_reference(tmp_path, slotseal):
    assert slotseal("table", "build", TABLE, "--flash-size", "4MB", "-o", tmp_path / "table.bin").code == 0
    assert (tmp_path / "table.bin").read_bytes() == (MATERIAL / "forum-table.bin").read_bytes()
