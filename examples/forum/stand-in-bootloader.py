#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: stand-in-bootloader.py VERIFICATION_KEY OUT

An image where ESP-IDF's bootloader would be, for chips that are not real: it has the verification key inside, as a build
links it, and the messages by which a virtual chip knows what was compiled in. No chip can run it.
"""
import functools
import hashlib
import operator
import pathlib
import sys

MESSAGES = ["v4.0.1", "Verifying image signature...", "secure boot is now enabled for bootloader image",
            "Checking flash encryption...", "Write protecting FLASH_CRYPT_CNT eFuse"]


def main(key, out):
    text = b"\0" + b"\0".join(message.encode() for message in MESSAGES) + b"\0"
    # Linked files lie at multiples of four, in segment and image alike.
    body = text + bytes(-len(text) % 4) + pathlib.Path(key).read_bytes()
    body += bytes(-len(body) % 16)
    image = b"\xe9\x01\x02\x20" + (0x40080400).to_bytes(4, "little") + b"\xee" + bytes(14) + b"\1"
    image += (0x40080400).to_bytes(4, "little") + len(body).to_bytes(4, "little") + body
    image += bytes(15 - len(image) % 16) + bytes([functools.reduce(operator.xor, body, 0xEF)])
    pathlib.Path(out).write_bytes(image + hashlib.sha256(image).digest())


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
