# SPDX-License-Identifier: Apache-2.0
"""The cases that the tools' own regression suites look at (borders of sectors and flash, header rewriting, detection,
a stub that stays, efuse commands in one run, coding schemes, what must be refused), asserted on the chip's own state.

The tools run in this process: their start-up would take most of the time otherwise.
"""

import contextlib
import functools
import gc
import io
import json
import operator
import shutil
import time

import pytest
import serial
from conftest import run_here
from test_chip_serial import COMMANDS, GENERATION, RANDOM, SLOTSEAL, Chip, chip, run  # noqa: F401 (chip is a fixture)

import espefuse
import esptool

MB = 1 << 20
NO_RESET, NO_RESET_STUB = ("no-reset", "no-reset-stub") if GENERATION >= 5 else ("no_reset", "no_reset_stub")
IGNORE_EFUSES = "--ignore-flash-enc-efuse" if GENERATION >= 5 else "--ignore-flash-encryption-efuse-setting"
NEW_COMMANDS = {"read_flash_sfdp", "load_ram", "set_flash_voltage", "execute_scripts"}
NAMES = COMMANDS | NEW_COMMANDS


def run_tool(module, *args, fails=False, answer=""):
    """A tool with its command line; what it printed. @p answer is what it reads when it asks."""
    words = [str(a) for a in args]
    if GENERATION >= 5:
        words = [w.replace("_", "-") if w in NAMES else w for w in words]
    done = run_here(module, words, answer)
    gc.collect()  # a tool that failed leaves its port open
    if hasattr(espefuse, "cli"):
        espefuse.cli._result_callback = None  # 5.x adds one in each run
    assert (done.code != 0) == fails, f"exit code {done.code}: {done.text[-2000:]}"
    return done.text


class Board:
    """A chip on a port."""

    def __init__(self, chip):  # noqa: F811
        self.chip = chip
        self.port = chip.port
        self.flash = chip.flash

    def esptool(self, *args, **options):
        return run_tool(esptool, "--port", self.port, *args, **options)

    def espefuse(self, *args, **options):
        return run_tool(espefuse, "--port", self.port, "--do-not-confirm", *args, **options)

    def field(self, name):
        """As the chip says it, from a copy: nobody but who serves it has the original."""
        copy = self.chip.folder.parent / "copy"
        copy.mkdir(exist_ok=True)
        for part in self.chip.folder.iterdir():
            if part.is_file():
                shutil.copyfile(part, copy / part.name)
        return next(f for f in json.loads(run(SLOTSEAL, "chip", "efuse", copy, "--json"))["fields"] if f["name"] == name)

    def value(self, name):
        return self.field(name)["value"]

    def block(self, number):
        return self.chip.key_words(number)[::-1]

    def fill(self, address, data):
        """As another program would: the files are the state. The chip must not be served."""
        with open(self.chip.folder / "flash.bin", "r+b") as f:
            f.seek(address)
            f.write(data)


@contextlib.contextmanager
def serve(chip, *options):  # noqa: F811
    with chip.serve(*(options or ("--tcp", "0"))):
        yield Board(chip)


@pytest.fixture
def board(chip):  # noqa: F811
    with serve(chip) as b:
        yield b


@pytest.fixture
def coded(tmp_path):
    with serve(Chip(tmp_path / "chip", "--coding", "3/4")) as b:
        yield b


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """The tools wait for the capacitors of real boards, and pyserial's RFC 2217 client 0.15 s at each time-out set."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.002)))


@pytest.fixture(scope="module")
def image():
    """One segment in IRAM and the checksum; DIO, 40 MHz, 4 MB."""
    body = RANDOM.randbytes(64)
    at = (0x40080400).to_bytes(4, "little")
    data = b"\xe9\x01\x02\x20" + at + b"\xee" + bytes(15) + at + len(body).to_bytes(4, "little") + body
    return data + bytes(15 - len(data) % 16) + bytes([functools.reduce(operator.xor, body, 0xEF)])


@pytest.fixture
def file(tmp_path):
    def make(name, data):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return make


# Flash


@pytest.mark.parametrize("stub", [(), ("--no-stub",)], ids=["stub", "rom"])
def test_sectors_around_a_write_stay(chip, file, stub):  # noqa: F811
    """What is written begins and ends inside sectors; those and no others are erased."""
    before = RANDOM.randbytes(0x5000)
    data = RANDOM.randbytes(0x1001)
    Board(chip).fill(0x10000, before)
    with serve(chip) as b:
        b.esptool(*stub, "write_flash", "-u", "0x11000", file("data", data))
    assert chip.flash(0x10000, 0x1000) == before[:0x1000]
    assert chip.flash(0x11000, 0x1001) == data
    assert chip.flash(0x12001, 0xFFF) == b"\xff" * 0xFFF
    assert chip.flash(0x13000, 0x2000) == before[0x3000:]


@pytest.mark.parametrize("stub", [(), ("--no-stub",)], ids=["stub", "rom"])
def test_lengths(board, file, stub):
    """None, one byte, and what is no multiple of four; neighbours in one call."""
    odd = RANDOM.randbytes(1023)
    text = board.esptool(*stub, "write_flash", "0x8000", file("none", b""), "0x9000", file("one", b"\x5a"), "0xa000",
                         file("odd", odd))
    assert text.count("Hash of data verified") == 2
    assert board.flash(0x8000, 0x1000) == b"\xff" * 0x1000
    assert board.flash(0x9000, 2) == b"\x5a\xff"
    assert board.flash(0xA000, 1024) == odd + b"\xff"


@pytest.mark.parametrize("stub", [(), ("--no-stub",)], ids=["stub", "rom"])
def test_last_sector_and_beyond(tmp_path, file, stub):
    """A large part needs no more than its size told; nothing is written when a file does not fit."""
    b_chip = Chip(tmp_path / "chip", "--flash", "16MB")
    data = file("data", RANDOM.randbytes(4096))
    with serve(b_chip) as b:
        b.esptool(*stub, "write_flash", "0xFFF000", data)
        assert b.flash(16 * MB - 4096, 4096) == data.read_bytes()
        b.esptool(*stub, "write_flash", "0xFFF800", data, fails=True)
        assert b.flash(16 * MB - 4096, 4096) == data.read_bytes()
        out = tmp_path / "out"
        b.esptool(*stub, "read_flash", "0xFFFFC0", "64", out)
        assert out.read_bytes() == data.read_bytes()[-64:]
        assert b.flash(0, 4096) == b"\xff" * 4096


def test_whole_chip_is_erased_first(chip, file):  # noqa: F811
    Board(chip).fill(0x100000, b"old")
    with serve(chip) as b:
        b.esptool("write_flash", "--erase-all", "0x1000", file("data", b"new!"))
    assert chip.flash(0x100000, 3) == b"\xff\xff\xff"
    assert chip.flash(0x1000, 4) == b"new!"


def test_erasing_needs_whole_sectors(chip):  # noqa: F811
    Board(chip).fill(0x3000, b"x" * 0x3000)
    with serve(chip) as b:
        b.esptool("erase_region", "0x3001", "0x1000", fails=True)
        b.esptool("erase_region", "0x3000", "0x0fff", fails=True)
        assert b.flash(0x3000, 0x3000) == b"x" * 0x3000
        b.esptool("erase_region", "0x4000", "0x1000")
    assert chip.flash(0x3000, 0x3000) == b"x" * 0x1000 + b"\xff" * 0x1000 + b"x" * 0x1000


def test_erasing_up_to_the_end(chip):  # noqa: F811
    Board(chip).fill(0, b"\0" * (4 * MB))
    with serve(chip) as b:
        b.esptool("erase_region", "0x1000", hex(4 * MB - 0x1000))
    assert chip.flash(0, 4 * MB) == b"\0" * 0x1000 + b"\xff" * (4 * MB - 0x1000)


def test_header_is_rewritten_at_the_bootloader_only(board, file, image):
    there, elsewhere = file("boot", image), file("other", image)
    board.esptool("write_flash", "-fm", "dout", "-ff", "20m", "-fs", "2MB", "0x1000", there, "0x10000", elsewhere)
    assert board.flash(0x1000, len(image)) == image[:2] + b"\x03\x12" + image[4:]
    assert board.flash(0x10000, len(image)) == image
    board.esptool("write_flash", "-fm", "keep", "-ff", "keep", "-fs", "keep", "0x1000", there)
    assert board.flash(0x1000, len(image)) == image
    # What the flash's id says.
    board.esptool("write_flash", "-fs", "detect", "0x1000", there)
    assert board.flash(0x1003, 1) == bytes([image[3] & 0x0F | 0x20])
    noise = bytes(0x100)
    board.esptool("write_flash", "-fm", "dout", "-ff", "20m", "0x1000", file("noise", noise))
    assert board.flash(0x1000, len(noise)) == noise


def test_image_for_another_chip(board, file, image):
    image = image[:12] + b"\x02" + image[13:]  # ESP32-S2
    board.esptool("write_flash", "0x1000", file("s2", image), fails=True)
    assert board.flash(0x1000, 16) == b"\xff" * 16
    board.esptool("write_flash", "--force", "0x1000", file("s2", image))
    assert board.flash(0x1000, len(image)) == image


def test_hex_files(board, tmp_path, file):
    intelhex = pytest.importorskip("intelhex")
    first, second = RANDOM.randbytes(300), RANDOM.randbytes(40)
    source = intelhex.IntelHex()
    source.puts(0x20000, first)
    source.puts(0x31000, second)
    source.write_hex_file(tmp_path / "data.hex")
    board.esptool("write_flash", "0x0", tmp_path / "data.hex")
    assert board.flash(0x20000, 300) == first
    assert board.flash(0x31000, 40) == second


@pytest.mark.skipif(GENERATION < 5, reason="since esptool 5.2")
def test_only_changed_sectors(board, file):
    """Against a file that the flash is said to hold; the tool looks whether it does."""
    old = RANDOM.randbytes(0x4000)
    new = old[:0x2010] + b"changed" + old[0x2017:]
    board.esptool("write_flash", "0x10000", file("old", old))
    text = board.esptool("write_flash", "0x10000", file("new", new), "--diff-with", file("old", old))
    assert "Hash of data verified" in text and board.flash(0x10000, 0x4000) == new
    assert "already in flash, skipping" in board.esptool("write_flash", "--skip-flashed", "0x10000", file("new", new))
    # The flash holds something else than it is said to: everything is written.
    board.esptool("write_flash", "0x10000", file("old", old), "--diff-with", file("old", old))
    assert board.flash(0x10000, 0x4000) == old


@pytest.mark.parametrize("compress", ["-u", "-z"])
def test_encrypting_with_blank_efuses(board, tmp_path, file, compress):
    """Refused, and when insisted on, done: with a key and a configuration of zeros."""
    import espsecure

    plain = file("plain", RANDOM.randbytes(64) + bytes(960))
    board.esptool("write_flash", compress, "--encrypt", "0x10000", plain, fails=True)
    assert board.flash(0x10000, 1024) == b"\xff" * 1024
    board.esptool("write_flash", compress, "--encrypt", IGNORE_EFUSES, "0x10000", plain)
    config = "--flash-crypt-conf" if GENERATION >= 5 else "--flash_crypt_conf"
    run_tool(espsecure, "encrypt_flash_data", "-k", file("zero", bytes(32)), "-a", "0x10000", config, "0", "-o",
             tmp_path / "sealed", plain)
    assert board.flash(0x10000, 1024) == (tmp_path / "sealed").read_bytes()


def test_flash_that_is_not_attached(board):
    """The ROM has to be told the pins first; a stub tells itself."""
    with contextlib.redirect_stdout(io.StringIO()):
        esp = esptool.ESP32ROM(board.port)
        try:
            esp.connect()
            assert esp.run_spiflash_command(0x9F, b"", 24) == 0xFFFFFF
            esp.flash_spi_attach(0)
            assert esp.run_spiflash_command(0x9F, b"", 24) == 0x1640EF
            esp.flash_spi_attach(1)  # HSPI: there is nothing on those pins
            assert esp.run_spiflash_command(0x9F, b"", 24) == 0xFFFFFF
            assert esp.run_stub().run_spiflash_command(0x9F, b"", 24) == 0x1640EF
        finally:
            esp._port.close()


def test_sfdp(board):
    for at, signature in enumerate(("53 46 44 50", "46 44 50")):
        text = board.esptool("read_flash_sfdp", at, len(signature.split()))
        assert "SFDP[" in text and signature in text.replace("0x", "")


# Detection, memory, resets


def test_wrong_chip(board):
    for name in ("esp8266", "esp32s2", "esp32s3", "esp32c3"):
        text = board.esptool("--chip", name, "flash_id", fails=True)
        assert "This chip is ESP32" in text or "Wrong" in text


def test_memory_of_rom_and_stub(board):
    """Writing with delays before and after, and with a mask."""
    with contextlib.redirect_stdout(io.StringIO()):
        esp = esptool.ESP32ROM(board.port)
        try:
            esp.connect()
            for loader in (esp, esp.run_stub()):
                loader.write_reg(0x3FF80000, 0x1234567)
                assert loader.read_reg(0x3FF80000) == 0x1234567
                loader.write_reg(0x3FF80000, 0, delay_us=100)
                assert loader.read_reg(0x3FF80000) == 0
                loader.write_reg(0x3FF80000, 0x555, delay_after_us=100)
                assert loader.read_reg(0x3FF80000) == 0x555
                loader.write_reg(0x3FF80000, 0xAAAA, mask=0xFF00)
                assert loader.read_reg(0x3FF80000) == 0xAA55
        finally:
            esp._port.close()


def test_stub_that_stays(chip):  # noqa: F811
    """On a board with lines nothing resets it between two calls, and the second talks to the stub of the first."""
    with serve(chip, "--rfc2217", "0") as b:
        b.port += "?ign_set_control"
        assert "Stub" in b.esptool("--after", NO_RESET_STUB, "flash_id")
        text = b.esptool("--before", NO_RESET, "--after", NO_RESET_STUB, "flash_id")
        assert "is already running" in text and "Device: 4016" in text
        # With a reset in front it is gone.
        assert "is already running" not in b.esptool("flash_id")


def test_lines_decide_what_starts(chip):  # noqa: F811
    """Only the end of EN while GPIO0 is low leads into the loader."""
    pull, release = True, False
    cases = (
        ((), False),
        ((("rts", pull), ("rts", release)), False),
        ((("dtr", pull), ("dtr", release)), False),
        ((("rts", pull), ("dtr", pull), ("rts", release)), True),
    )
    with serve(chip, "--rfc2217", "0") as b, contextlib.redirect_stdout(io.StringIO()):
        for lines, loader in cases:
            port = serial.serial_for_url(b.port + "?ign_set_control", do_not_open=True, exclusive=True)
            port.dtr = port.rts = release
            port.open()
            for name, state in lines:
                setattr(port, name, state)
            esp = esptool.ESP32ROM(port)
            with contextlib.nullcontext() if loader else pytest.raises(esptool.FatalError):
                esp.connect(mode=NO_RESET, attempts=1)
            port.close()


def test_program_in_ram_that_is_no_stub(board, file, image):
    """It is loaded and started; the chip does not answer any more, and the next power-on finds the loader again."""
    board.esptool("load_ram", file("ram", image))
    assert "24:0a:c4:" in board.esptool("read_mac")


# eFuses


def test_commands_in_one_run_are_one_burn(board, file):
    key = RANDOM.randbytes(32)
    text = board.espefuse("burn_efuse", "JTAG_DISABLE", "1", "burn_key", "BLOCK1", file("key", key), "burn_bit", "BLOCK3",
                          "0", "255", "burn_efuse", "CONSOLE_DEBUG_DISABLE", "1", "summary")
    # From 5.2 on what protects is postponed without being asked: block 0 twice.
    assert [text.count(f"BURN BLOCK{n}  - OK") for n in (0, 1, 3)] == [2 if GENERATION >= 5 else 1, 1, 1]
    assert board.value("JTAG_DISABLE") == 1 and board.value("CONSOLE_DEBUG_DISABLE") == 1
    assert board.block(1) == key and board.block(3) == b"\x01" + bytes(30) + b"\x80"


def test_one_wrong_command_burns_nothing(board, file):
    key = file("key", bytes(31))
    board.espefuse("burn_efuse", "JTAG_DISABLE", "1", "burn_key", "BLOCK1", key, fails=True)
    board.espefuse("burn_efuse", "JTAG_DISABLE", "1", "burn_efuse", "NO_SUCH_FIELD", "1", fails=True)
    assert board.value("JTAG_DISABLE") == 0 and board.block(1) == bytes(32)


def test_not_confirmed(board):
    """Only BURN is an answer."""
    for answer in ("\n", "burn\n", "yes\n"):
        run_tool(espefuse, "--port", board.port, "burn_efuse", "JTAG_DISABLE", "1", answer=answer)
    assert board.value("JTAG_DISABLE") == 0
    run_tool(espefuse, "--port", board.port, "burn_efuse", "JTAG_DISABLE", "1", answer="BURN\n")
    assert board.value("JTAG_DISABLE") == 1


def test_postponed_burns(tmp_path, file):
    """What closes doors comes last. The eFuse for download mode counts from revision 3 on."""
    burns = ("--postpone", "burn_efuse", "UART_DOWNLOAD_DIS", "1", "DISABLE_BT", "1", "burn_key", "BLOCK1",
             file("key", RANDOM.randbytes(32)), "burn_efuse", "ABS_DONE_1", "1", "FLASH_CRYPT_CNT", "1")
    for revision in ("1.0", "3.0"):
        with serve(Chip(tmp_path / revision, "--rev", revision)) as b:
            text = b.espefuse(*burns)
            assert "postponed" in text and text.count("BURN BLOCK0  - OK") == 2 and "Successful" in text
            assert [b.value(n) for n in ("UART_DOWNLOAD_DIS", "DISABLE_BT", "ABS_DONE_1", "FLASH_CRYPT_CNT")] == [1] * 4
            if revision == "1.0":
                assert "No errors detected" in b.espefuse("check_error")


def test_fields_of_an_own_table(board, file):
    table = file("table.csv", b"SERIAL_NUMBER, EFUSE_BLK3, 0, 20, Number\nBATCH, EFUSE_BLK3, 20, 12, Batch\n")
    extend = ("--extend-efuse-table", table)
    board.espefuse(*extend, "burn_efuse", "SERIAL_NUMBER", "70000", "BATCH", "0x7FF")
    assert int.from_bytes(board.block(3)[:4], "little") == 70000 | 0x7FF << 20
    assert "SERIAL_NUMBER" in board.espefuse(*extend, "summary")
    board.espefuse(*extend, "burn_efuse", "SERIAL_NUMBER", "1", fails=True)


def test_flash_voltage(tmp_path):
    bits = ("XPD_SDIO_FORCE", "XPD_SDIO_REG", "XPD_SDIO_TIEH")
    for voltage, then, burned in (("1.8V", "3.3V", (1, 1, 0)), ("3.3V", None, (1, 1, 1)), ("OFF", "1.8V", (1, 0, 0))):
        with serve(Chip(tmp_path / voltage)) as b:
            b.espefuse("set_flash_voltage", voltage)
            assert tuple(b.value(n) for n in bits) == burned
            if then:
                b.espefuse("set_flash_voltage", then)  # needs only further bits
            if voltage != "OFF":
                b.espefuse("set_flash_voltage", "OFF", fails=True)


def test_protection_of_protections(board):
    board.espefuse("write_protect_efuse", "RD_DIS")
    board.espefuse("read_protect_efuse", "BLOCK2", fails=True)
    assert board.field("BLOCK2")["readable"]
    board.espefuse("write_protect_efuse", "WR_DIS")
    board.espefuse("write_protect_efuse", "BLOCK3", fails=True)
    assert board.field("BLOCK3")["writeable"]


def test_reading_protected_fields(board, file):
    """All that one bit protects: the coding scheme reads as none then, and bits of block 0 are hidden, too."""
    board.espefuse("burn_efuse", "FLASH_CRYPT_CONFIG", "0xF", "burn_key", "BLOCK3", file("key", bytes(range(32))))
    names = ("CODING_SCHEME", "MAC_VERSION", "BLOCK1", "BLOCK2", "BLOCK3")
    board.espefuse("read_protect_efuse", *names)
    assert board.espefuse("read_protect_efuse", *names).count("already read protected") == len(names)
    assert board.value("RD_DIS") == 15
    for name in ("FLASH_CRYPT_CONFIG", "CODING_SCHEME", "BLOCK1", "BLOCK2", "BLOCK3"):
        assert not board.field(name)["readable"]
    assert board.block(3) == bytes(range(32))  # still burned


def test_block_data_at_an_offset(board, file):
    data = RANDOM.randbytes(16)
    board.espefuse("burn_block_data", "--offset", "7", "BLOCK1", file("data", data))
    assert board.block(1) == bytes(7) + data + bytes(9)
    board.espefuse("burn_block_data", "--offset", "17", "BLOCK3", file("data", data), fails=True)
    board.espefuse("burn_bit", "BLOCK3", "256", fails=True)
    assert board.block(3) == bytes(32)


def test_three_quarters_coding(coded, file):
    """24 bytes to a block, with check bytes between; what was burned once cannot get more bits."""
    keys = [RANDOM.randbytes(24) for _ in range(3)]
    coded.espefuse("burn_key", "BLOCK1", file("long", bytes(32)), fails=True)
    coded.espefuse("burn_key", "BLOCK1", file("a", keys[0]), "BLOCK2", file("b", keys[1]), "BLOCK3", file("c", keys[2]),
                   "--no-protect-key")
    for block, key in enumerate(keys, 1):
        raw = coded.block(block)
        assert b"".join(raw[i : i + 6] for i in range(0, 32, 8)) == key
    shown = coded.espefuse("summary")
    assert all(" ".join(f"{b:02x}" for b in key) in shown for key in keys)
    assert "No errors detected" in coded.espefuse("check_error")
    coded.espefuse("burn_bit", "BLOCK1", "0", "1", fails=True)
    coded.espefuse("burn_key", "BLOCK1", file("d", b"\xff" * 24), "--no-protect-key", fails=True)
    assert b"".join(coded.block(1)[i : i + 6] for i in range(0, 32, 8)) == keys[0]


def test_recovery_coding_reads_as_none(board, file):
    key = RANDOM.randbytes(32)
    board.espefuse("burn_efuse", "CODING_SCHEME", "3")
    board.espefuse("burn_key", "BLOCK2", file("key", key), "--no-protect-key")
    assert " ".join(f"{b:02x}" for b in key) in board.espefuse("summary")


def test_custom_mac(coded):
    coded.espefuse("burn_custom_mac", "ab:cd:ef:01:02:03", fails=True)  # a multicast address
    coded.espefuse("burn_custom_mac", "aa:cd:ef:01:02", fails=True)
    coded.espefuse("burn_custom_mac", "aa:cd:ef:01:02:03")
    assert "aa:cd:ef:01:02:03" in coded.espefuse("get_custom_mac")
    coded.espefuse("burn_custom_mac", "fe:22:33:44:55:66", fails=True)
    assert "aa:cd:ef:01:02:03" in coded.espefuse("get_custom_mac")


def test_adc_calibration(board):
    assert "ADC1" not in board.espefuse("adc_info")
    board.espefuse("burn_efuse", "BLK3_PART_RESERVE", "1")
    text = board.espefuse("adc_info")
    assert "ADC1" in text and "ADC2" in text


@pytest.mark.skipif(GENERATION >= 5, reason="removed in 5.0")
def test_scripts(board, file):
    script = file("script.py", b'espefuse(esp, efuses, args, "burn_efuse JTAG_DISABLE 1")\n'
                               b'assert efuses["JTAG_DISABLE"].get() == 0, "burned at the end only"\n'
                               b"efuses.burn_all()\n"
                               b'assert efuses["JTAG_DISABLE"].get() == 1\n')
    board.espefuse("execute_scripts", script)
    assert board.value("JTAG_DISABLE") == 1
