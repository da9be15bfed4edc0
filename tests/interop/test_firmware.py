# SPDX-License-Identifier: Apache-2.0
"""The demo firmware's images as esptool reads them, and as it builds them from the same ELF."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

FIRMWARE = pathlib.Path(os.environ["SS_BUILD_DIR"]).resolve() / "firmware"
VERSIONS = {"1.0.0": "1.0.0", "2.0.0": "2.0.0", "keyed-1.0.0": "1.0.0", "keyed-2.0.0": "2.0.0", "large": "1.0.0",
            "agent-1.0.0": "1.0.0"}

if not FIRMWARE.joinpath("demo-1.0.0.bin").exists():
    pytest.skip("the firmware was not built: no Xtensa compiler", allow_module_level=True)

from esptool.bin_image import LoadFirmwareImage  # noqa: E402


@pytest.fixture(params=VERSIONS)
def name(request):
    return request.param


@pytest.fixture
def image(name):
    return LoadFirmwareImage("esp32", str(FIRMWARE / f"demo-{name}.bin"))


def esptool(*arguments):
    subprocess.run([sys.executable, "-m", "esptool", *map(str, arguments)], check=True, stdout=subprocess.PIPE)


def test_checksum_and_hash(image):
    assert image.checksum == image.calculate_checksum()
    assert image.append_digest and image.stored_digest == image.calc_digest


def test_segments(image):
    """Both kinds of mapped segment where the flash MMU can map them, and both kinds of RAM."""
    addresses = {segment.addr: segment for segment in image.segments if segment.addr}
    assert set(addresses) >= {0x3F400020, 0x400D0020, 0x40080000, 0x3FFB0000}
    for mapped in (0x3F400020, 0x400D0020):
        assert addresses[mapped].file_offs % 0x10000 + 8 == mapped % 0x10000
    assert 0x40080000 <= image.entrypoint < 0x40080000 + len(addresses[0x40080000].data)


def test_descriptor(name, image):
    data = FIRMWARE.joinpath(f"demo-{name}.bin").read_bytes()
    field = lambda offset, size: data[offset : offset + size].rstrip(b"\0").decode()  # noqa: E731
    assert data[0x20:0x24] == bytes.fromhex("3254cdab")
    assert field(0x30, 32) == VERSIONS[name]
    assert field(0x50, 32) == "slotseal-demo"


def test_same_as_elf2image(name, tmp_path):
    options = ["--flash_mode", "dio", "--flash_size", "4MB", "--flash_freq", "40m", "--elf-sha256-offset", "0xb0"]
    esptool("--chip", "esp32", "elf2image", *options, "-o", tmp_path / "out.bin", FIRMWARE / f"demo-{name}.elf")
    assert (tmp_path / "out.bin").read_bytes() == FIRMWARE.joinpath(f"demo-{name}.bin").read_bytes()


def test_large_image_fills_the_forum_slot(tmp_path):
    """At least 1 MiB that does not compress, and with secure padding the last byte that V1 leaves for it."""
    large = FIRMWARE / "demo-large.bin"
    options = ["--secure-pad", "--elf-sha256-offset", "0xb0"]
    esptool("--chip", "esp32", "elf2image", *options, "-o", tmp_path / "out.bin", FIRMWARE / "demo-large.elf")
    assert (tmp_path / "out.bin").stat().st_size == 0x150000 - 12 - 68
    with large.open("rb") as source, (tmp_path / "packed").open("wb") as target:
        subprocess.run([shutil.which("gzip"), "-9c"], stdin=source, stdout=target, check=True)
    assert (tmp_path / "packed").stat().st_size > max(1 << 20, 0.99 * large.stat().st_size)


def test_template_key_occurs_once():
    source = pathlib.Path(__file__).resolve().parents[2] / "firmware/demo/verification-key-template.bin"
    template = source.read_bytes()
    assert len(template) == 64
    assert FIRMWARE.joinpath("demo-keyed-1.0.0.bin").read_bytes().count(template) == 1
    assert FIRMWARE.joinpath("demo-1.0.0.bin").read_bytes().count(template) == 0
