#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one script of tests/cli: run.py SLOTSEAL SCRIPT [GENERATED]

A script runs in an empty folder, line by line; `\\` continues a line, `#` begins a comment. Files that follow as
`-- name --` sections are there from the start.

  slotseal ARG...           must exit with 0        exit N slotseal ARG...   must exit with N
  as NAME ARG...            the same program, started by another name; also after `exit N`
  stdin FILE                standard input of the next run
  stdout REGEX, stderr REGEX   what the last run printed; `! stdout REGEX` for what it must not
  stdout-is FILE            exactly this
  json PATH VALUE           a value of the JSON object on stdout: json signature.scheme v1
  exists FILE...            size N FILE             mode OCTAL FILE          cmp A B
  text FILE REGEX           also with `! ` in front
  image FILE KEY=VALUE...   a made-up image: kind=app|bootloader chip=0 size=N flash=4 seed=N version=TEXT
                            embed=FILE behind the descriptor, of a bootloader at its start
  bytes FILE N BYTE         N equal bytes           random FILE N [SEED]     cat OUT IN...
  slice OUT IN FROM TO      patch FILE OFFSET HEX   pad OUT IN UNIT          hex FILE HEX
  chmod OCTAL FILE          link, symlink TO NAME   mkdir, rm NAME           truncate FILE N
  material FILE NAME        copies a file of the test material, or skips the script
  need PROGRAM              skips the script without it
  env NAME VALUE            for every run from here on
  sh COMMAND                a shell command that must succeed; $SLOTSEAL, $GENERATED and $SOURCE are set
"""
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile

SKIP = 77


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


def number(text):
    return int(text, 0)


def read(name):
    with open(name, "rb") as f:
        return f.read()


def write(name, data):
    with open(name, "wb") as f:
        f.write(data)


def app_segments(options):
    """DROM with an app descriptor and incompressible data, DRAM, IROM; mapped for addresses on 64 KiB."""
    size = number(options.get("size", "0x400"))
    generator = random.Random(number(options.get("seed", "1")))
    descriptor = struct.pack("<II8x32s32s16s16s32s32s80x", 0xABCD5432, 0, options.get("version", "1.0").encode(),
                             b"sample", b"12:00:00", b"Jan 1 2024", b"v4.0.1", bytes(32))
    drom = descriptor + (read(options["embed"]) if "embed" in options else b"") + generator.randbytes(size)
    dram = generator.randbytes(64)
    irom_offset = 24 + 8 + len(drom) + 8 + len(dram) + 8
    irom = generator.randbytes(256)
    return [(0x3F400020, drom), (0x3FFB0000, dram), (0x400D0000 + irom_offset % 0x10000, irom)]


def bootloader_segments(options):
    generator = random.Random(number(options.get("seed", "1")))
    size = number(options.get("size", "0x400"))
    low = min(size, 0x4000)
    embedded = read(options["embed"]) if "embed" in options else b""
    return [(0x40080400, embedded + generator.randbytes(low)), (0x3FFF0018, generator.randbytes(size - low))][:1 + (size > low)]


def make_image(name, *options):
    options = dict(option.split("=", 1) for option in options)
    app = options.get("kind", "app") == "app"
    segments = app_segments(options) if app else bootloader_segments(options)
    size_code = {1: 0, 2: 1, 4: 2, 8: 3, 16: 4}[number(options.get("flash", "4"))]
    data = struct.pack("<BBBBIB3xHB8xB", 0xE9, len(segments), 2, size_code << 4, 0x40080400, 0xEE,
                       number(options.get("chip", "0")), 0, 1)
    checksum = 0xEF
    for address, content in segments:
        data += struct.pack("<II", address, len(content)) + content
        for byte in content:
            checksum ^= byte
    data += bytes(15 - len(data) % 16) + bytes([checksum])
    write(name, data + hashlib.sha256(data).digest())


class Script:
    def __init__(self, program, generated):
        self.variables = {}
        self.program = program
        self.generated = generated
        self.source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self.stdin = b""
        self.stdout = self.stderr = ""

    def run(self, argv, expected=0, name=None):
        result = subprocess.run([name or "slotseal", *argv], executable=self.program, input=self.stdin,
                                capture_output=True, timeout=60, check=False, env=self.environment())
        self.stdin = b""
        self.stdout = result.stdout.decode("utf-8", "replace")
        self.stderr = result.stderr.decode("utf-8", "replace")
        if result.returncode != expected:
            raise Failure(f"exit status {result.returncode}, not {expected}")

    def environment(self):
        kept = {name: value for name, value in os.environ.items()
                if name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")}
        return {**kept, "HOME": os.getcwd(), "LC_ALL": "C", "SLOTSEAL": self.program, "GENERATED": self.generated,
                "SOURCE": self.source, **self.variables}

    def match(self, text, what, pattern, wanted):
        if (re.search(pattern, text, re.MULTILINE) is not None) != wanted:
            raise Failure(f"{what} {'does not match' if wanted else 'matches'} {pattern!r}")

    def json(self, path, value):
        found = json.loads(self.stdout)
        for key in path.split("."):
            found = found[int(key)] if isinstance(found, list) else found[key]
        shown = found if isinstance(found, str) else json.dumps(found)
        if shown != value:
            raise Failure(f"{path} is {shown}, not {value}")

    def material(self, name, path):
        folder = os.environ.get("SS_TEST_MATERIAL", "")
        if not os.path.isfile(os.path.join(folder, path)):
            raise Skipped(f"no material {path}")
        shutil.copy(os.path.join(folder, path), name)
        os.chmod(name, 0o600)

    def need(self, program):
        if not shutil.which(program):
            raise Skipped(f"no {program}")

    def sh(self, line):
        result = subprocess.run(["bash", "-euc", line], capture_output=True, check=False, env=self.environment())
        self.stdout = result.stdout.decode("utf-8", "replace")
        self.stderr = result.stderr.decode("utf-8", "replace")
        if result.returncode:
            raise Failure(f"exit status {result.returncode}")

    def check(self, condition, message):
        if not condition:
            raise Failure(message)

    def step(self, line):
        if line.startswith("sh "):
            return self.sh(line[3:])
        wanted = not line.startswith("! ")
        word, *args = shlex.split(line if wanted else line[2:])
        if word == "exit":
            expected, word, *args = args
            return self.run(args[word == "as":], number(expected), args[0] if word == "as" else None)
        if word == "as":
            return self.run(args[1:], name=args[0])
        steps = {
            "slotseal": lambda *a: self.run(a),
            "stdin": lambda f: setattr(self, "stdin", read(f)),
            "stdout": lambda p: self.match(self.stdout, "stdout", p, wanted),
            "stderr": lambda p: self.match(self.stderr, "stderr", p, wanted),
            "stdout-is": lambda f: self.check(self.stdout == read(f).decode(), f"stdout is not {f}"),
            "text": lambda f, p: self.match(read(f).decode("utf-8", "replace"), f, p, wanted),
            "json": self.json,
            "exists": lambda *f: self.check(all(os.path.lexists(x) == wanted for x in f),
                                            f"{f} {'missing' if wanted else 'exists'}"),
            "size": lambda n, f: self.check(os.path.getsize(f) == number(n),
                                            f"{f} has {os.path.getsize(f)} bytes, not {n}"),
            "mode": lambda m, f: self.check(os.stat(f).st_mode & 0o777 == int(m, 8),
                                            f"{f} has mode {os.stat(f).st_mode & 0o777:o}"),
            "cmp": lambda a, b: self.check((read(a) == read(b)) == wanted,
                                           f"{a} and {b} {'differ' if wanted else 'are the same'}"),
            "image": make_image,
            "bytes": lambda f, n, b: write(f, bytes([number(b)]) * number(n)),
            "hex": lambda f, h: write(f, bytes.fromhex(h)),
            "random": lambda f, n, s="1": write(f, random.Random(number(s)).randbytes(number(n))),
            "cat": lambda out, *f: write(out, b"".join(read(x) for x in f)),
            "slice": lambda out, f, a, b: write(out, read(f)[number(a):number(b)]),
            "pad": lambda out, f, u: write(out, read(f) + b"\xff" * (-len(read(f)) % number(u))),
            "patch": lambda f, o, h: write(f, read(f)[:number(o)] + bytes.fromhex(h) +
                                           read(f)[number(o) + len(h) // 2:]),
            "truncate": lambda f, n: os.truncate(f, number(n)),
            "chmod": lambda m, f: os.chmod(f, int(m, 8)),
            "link": os.link,
            "symlink": os.symlink,
            "mkdir": os.mkdir,
            "rm": os.remove,
            "material": self.material,
            "need": self.need,
            "env": self.variables.__setitem__,
        }
        self.check(word in steps, f"unknown step {word}")
        return steps[word](*args)


def parse(text):
    """The steps with their line numbers, and the files."""
    body, *sections = re.split(r"^-- (.+) --\n", text, flags=re.MULTILINE)
    for name, content in zip(sections[::2], sections[1::2]):
        write(name, content.encode())
    steps, start, line = [], 0, ""
    for index, part in enumerate(body.split("\n"), 1):
        start = start if line else index
        line += part
        if line.endswith("\\"):
            line = line[:-1]
            continue
        if line.strip() and not line.startswith("#"):
            steps.append((start, line.strip()))
        line = ""
    return steps


def main():
    program, path = os.path.abspath(sys.argv[1]), sys.argv[2]
    script = Script(program, os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else "")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="slotseal-test-") as folder:
        os.chdir(folder)
        for line_number, line in parse(text):
            try:
                script.step(line)
            except Skipped as reason:
                print(f"skipped: {reason}")
                return SKIP
            except Exception as reason:  # every failure is shown the same way
                print(f"{path}:{line_number}: {line}\n{type(reason).__name__}: {reason}\n"
                      f"--- stdout\n{script.stdout}--- stderr\n{script.stderr}")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
