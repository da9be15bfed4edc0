# SPDX-License-Identifier: Apache-2.0
"""Runs slotseal as a program and the real espsecure in this process, whose start-up would dominate otherwise.

Which generation of esptool is compared with depends on the Python environment that runs the tests.
"""
import contextlib
import functools
import hashlib
import io
import operator
import os
import pathlib
import random
import subprocess
import sys
import types

import esptool
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("SS_BUILD_DIR", "build/release")
SLOTSEAL = BUILD / "slotseal"
LIFE = 100  # seconds after which a forgotten server ends by itself
GENERATION = int(esptool.__version__.split(".")[0])
# For tests in which esptool has no part.
ONCE = pytest.mark.skipif(GENERATION < 5, reason="esptool has no part in it: once is enough")


def spelled(args):
    """Command and option names as this generation of esptool spells them: tests write dashes."""
    if GENERATION >= 5:
        return [str(a) for a in args]
    # These have a dash in 4.x, too.
    dashed = ("--hsm-config", "--pub-key")
    out = [str(args[0]).replace("-", "_")]
    for arg in map(str, args[1:]):
        out.append("--" + arg[2:].replace("-", "_") if arg.startswith("--") and arg not in dashed else arg)
    return out


def run_here(module, words, answer=""):
    """A tool in this process: exit code and everything it printed. @answer is what it reads when it asks."""
    out, code = io.StringIO(), 0
    saved = sys.argv, sys.stdin
    sys.argv, sys.stdin = [module.__name__, *words], io.StringIO(answer)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            module._main()
    except SystemExit as e:
        code = e.code or 0
    except Exception as e:  # what Python makes exit code 1 of
        out.write(repr(e))
        code = 1
    finally:
        sys.argv, sys.stdin = saved
    return types.SimpleNamespace(code=code, text=out.getvalue())


def run_theirs(args):
    """The real espsecure: exit code and everything it printed."""
    import espsecure

    return run_here(espsecure, spelled(args))


def run_slotseal(*args):
    p = subprocess.run([SLOTSEAL, *map(str, args)], capture_output=True, timeout=120)
    return types.SimpleNamespace(
        code=p.returncode, out=p.stdout.decode(errors="replace"), err=p.stderr.decode(errors="replace"), raw=p.stdout
    )


def call_slotseal(*args, code=0, program=SLOTSEAL, env=None, **options):
    """Runs it and fails unless it exits with @code (None: whichever). @env comes on top of the environment."""
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, **options)
    assert code is None or done.returncode == code, \
        f"exit {done.returncode}: {args}: {done.stderr[-3000:]}{done.stdout[-2000:]}"
    return done


def run_ours(args):
    """The drop-in, with the same spelling as the real one."""
    return run_slotseal("espsecure", *spelled(args))


def small_image(rng, payload, appended=True):
    """A small bootloader: one segment in IRAM, checksum, SHA-256."""
    return one_segment(0x40080400, rng.randbytes(payload), appended)


def small_app(rng, payload):
    """A small app: a descriptor and data that the flash is mapped for."""
    descriptor = b"\x32\x54\xcd\xab" + bytes(12) + b"1.0".ljust(32, b"\0") + b"sample".ljust(32, b"\0") + bytes(176)
    return one_segment(0x3F400020, descriptor + rng.randbytes(payload))


def one_segment(address, body, appended=True):
    image = bytearray(b"\xe9\x01\x02\x20" + (0x40080400).to_bytes(4, "little") + b"\xee" + bytes(14) + bytes([appended]))
    image += address.to_bytes(4, "little") + len(body).to_bytes(4, "little") + body
    image += bytes(15 - len(image) % 16) + bytes([functools.reduce(operator.xor, body, 0xEF)])
    return bytes(image + (hashlib.sha256(image).digest() if appended else b""))


@contextlib.contextmanager
def served_chip(folder, *options):
    """Serves a virtual chip; gives what a serial program has to open."""
    # --foreground: one SIGTERM only. A second one, to the group, can hang the leak check at exit.
    line = ["timeout", "--foreground", str(LIFE), SLOTSEAL, "chip", "serve", folder, *options]
    server = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        assert port
        yield port
    finally:
        server.terminate()
        assert server.wait(timeout=10) == 0


@pytest.fixture
def theirs():
    return run_theirs


@pytest.fixture
def ours():
    return run_ours


@pytest.fixture
def slotseal():
    return run_slotseal


@pytest.fixture
def rng(request):
    """Random numbers that are the same in every run of a test and different between tests."""
    return random.Random(request.node.name)
