# SPDX-License-Identifier: Apache-2.0
"""The forum's procedure, command by command with the real tools, against a served chip: it dies, the doctor says why,
and the repaired plan boots."""

import importlib.util
import json
import os
import pathlib
import shlex
import subprocess
import sys

import pytest

pytest.importorskip("esptool")

ROOT = pathlib.Path(__file__).resolve().parents[2]
FORUM = ROOT / "examples" / "forum"
SLOTSEAL = pathlib.Path(os.environ["SS_BUILD_DIR"]).resolve() / "slotseal"
TOOLS = {"esptool.py": "esptool", "espefuse.py": "espefuse", "espsecure.py": "espsecure"}


def run(args, folder, code=0):
    done = subprocess.run([str(a) for a in args], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=120, check=False)
    assert done.returncode == code, f"{args}: exit status {done.returncode}: {done.stdout[-2000:]}"
    return done.stdout


def build_files(folder):
    """What a build would leave: images that are made up, and the forum's table."""
    spec = importlib.util.spec_from_file_location("run_cli", ROOT / "tests" / "cli" / "run.py")
    made_up = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made_up)
    for part in ("bootloader", "partition_table"):
        folder.joinpath("build", part).mkdir(parents=True)
    here = os.getcwd()
    os.chdir(folder)
    try:
        made_up.make_image("build/bootloader/bootloader.bin", "kind=bootloader")
        made_up.make_image("build/app.bin", "kind=app", "size=0x8000")
    finally:
        os.chdir(here)
    # The secure boot digest covers units of 128 bytes: what lies behind the image has to be known.
    image = folder / "build/bootloader/bootloader.bin"
    data = image.read_bytes()
    image.write_bytes(data + b"\xff" * (-len(data) % 4096))
    run([SLOTSEAL, "table", "build", FORUM / "partitions.csv", "-o",
         "build/partition_table/partition-table.bin"], folder)
    folder.joinpath("build/ota_data_initial.bin").write_bytes(b"\xff" * 0x2000)


def commands(plan, port):
    """The command lines of a plan as a shell would read them."""
    variables = {}
    text = plan.read_text().replace("\\\n", " ")
    for line in text.splitlines():
        for name, value in variables.items():
            line = line.replace("$" + name, value)
        words = shlex.split(line, comments=True)
        if len(words) == 1 and "=" in words[0]:
            name, value = words[0].split("=", 1)
            variables[name] = port if name == "PORT" else value
        elif words and words[0] in TOOLS:
            yield TOOLS[words[0]], words[1:]


def carry_out(plan, folder):
    run([SLOTSEAL, "chip", "new", "chip", "--flash", "4MB"], folder)
    server = subprocess.Popen(["timeout", "200", SLOTSEAL, "chip", "serve", "chip", "--tcp", "0"], cwd=folder,
                              stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        for tool, words in commands(plan, port):
            confirm = ["--do-not-confirm"] if tool == "espefuse" else []
            run([sys.executable, "-m", tool, *confirm, *words], folder)
    finally:
        server.terminate()
        server.wait(timeout=10)


def profile_with_key(name, folder):
    key = folder.joinpath("verification-key.bin").read_bytes()
    path = folder / "bootloader.profile"
    path.write_text((FORUM / name).read_text() + f"public_key = {key.hex()}\n")
    return path


def examine(folder, profile, code):
    found = json.loads(run([SLOTSEAL, "doctor", "chip", "--profile", profile, "--json"], folder, code))["findings"]
    return {f["id"]: f["severity"] for f in found}


def boot(folder, profile, code):
    return json.loads(run([SLOTSEAL, "chip", "boot", "chip", "--profile", profile, "--json"], folder, code))


def test_the_procedure_leaves_a_dead_device(tmp_path):
    build_files(tmp_path)
    carry_out(FORUM / "procedure.plan", tmp_path)
    profile = profile_with_key("procedure.profile", tmp_path)
    found = examine(tmp_path, profile, 3)
    assert {name for name, severity in found.items() if severity == "stops"} == {
        "crypt-config-missing", "bootloader-plaintext", "table-plaintext", "app-sealed-then-signed"}
    assert {name for name, severity in found.items() if severity == "risk"} == {
        "otadata-erased", "secure-boot-not-armed", "download-mode-open", "jtag-open", "encryption-not-built-in"}
    assert boot(tmp_path, profile, 3)["outcome"] == "rom"


def test_the_repaired_plan_boots(tmp_path):
    build_files(tmp_path)
    carry_out(FORUM / "repaired.plan", tmp_path)
    profile = profile_with_key("repaired.profile", tmp_path)
    assert examine(tmp_path, profile, 0) == {"secure-boot-not-armed": "risk"}
    result = boot(tmp_path, profile, 0)
    assert (result["outcome"], result["address"]) == ("app", 0x10000)
    # The first boot has armed secure boot, and it holds.
    assert examine(tmp_path, profile, 0) == {}
    assert boot(tmp_path, profile, 0)["outcome"] == "app"
