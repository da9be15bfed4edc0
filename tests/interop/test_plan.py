# SPDX-License-Identifier: Apache-2.0
"""Plans: the doctor refuses a command line exactly where the real tools do."""

import json
import shlex
import subprocess
import sys

import pytest
from conftest import run_slotseal, run_theirs

ESPSECURE = [
    "sign-data --version 1 --keyfile k.pem --output o.bin f.bin",
    "sign-data --version 1 -k k.pem -- f.bin",
    "sign-data f.bin --version 1 --keyfile k.pem",
    "sign-data --version 1 --keyfile k.pem f.bin",
    "sign-data --keyfile k.pem --output o.bin f.bin",
    "sign-data --version 3 --keyfile k.pem --output o.bin f.bin",
    "sign-data --version 1 --frob --keyfile k.pem --output o.bin f.bin",
    "sign-data --version 1 --keyfile k.pem --output o.bin f.bin g.bin",
    "encrypt-flash-data --keyfile flash.key --output e.bin --address 0x10000 f.bin",
    "encrypt-flash-data --keyfile flash.key --output e.bin f.bin",
    "extract-public-key --version 1 --keyfile k.pem raw.bin",
    "extract-public-key --version 1 --keyfile k.pem",
    "digest-private-key --keyfile k.pem secret.bin",
    "generate-flash-encryption-key",
]

ESPEFUSE = [
    "burn_efuse JTAG_DISABLE",
    "burn_efuse FLASH_CRYPT_CNT",
    "burn_efuse JTAG_DISABLE 1 ABS_DONE_0",
    "burn_efuse JTAG_DISABLE 0",
    "burn_key BLK1 flash.key",
    "burn_key flash_encryption flash.key burn_efuse FLASH_CRYPT_CONFIG 0xF FLASH_CRYPT_CNT 1",
]


@pytest.fixture
def files(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    assert run_theirs(["generate-signing-key", "--version", "1", "k.pem"]).code == 0
    tmp_path.joinpath("f.bin").write_bytes(rng.randbytes(992))
    tmp_path.joinpath("flash.key").write_bytes(rng.randbytes(32))
    return tmp_path


def refused(line):
    """Whether the doctor says that a plan of this one command would be refused."""
    with open("one.plan", "w", encoding="utf-8") as f:
        f.write(line + "\n")
    done = run_slotseal("doctor", "--plan", "one.plan", "--json")
    return any(f["id"] == "plan-command-fails" for f in json.loads(done.out)["findings"])


@pytest.mark.parametrize("line", ESPSECURE)
def test_espsecure(files, line):
    ours = refused(f"espsecure {line}")
    assert (run_theirs(shlex.split(line)).code != 0) == ours


@pytest.mark.parametrize("line", ESPEFUSE)
def test_espefuse(files, line):
    ours = refused(f"espefuse {line}")
    theirs = subprocess.run([sys.executable, "-m", "espefuse", "--chip", "esp32", "--virt", "--do-not-confirm",
                             *shlex.split(line)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert (theirs.returncode != 0) == ours, theirs.stdout.decode(errors="replace")[-500:]
