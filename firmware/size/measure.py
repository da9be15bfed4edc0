#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""measure.py [--json | --check] FOLDER: what the agent takes on Xtensa, of the build in FOLDER.

Code and constants are summed from the linker's map, RAM from the map and the symbol `agent_ram`, stack along the deepest
path of calls, from what the compiler says of frames and calls (-fcallgraph-info=su). Calls through pointers are listed
here: one that is not ends the measuring. What a port does in its functions is the port's; but where the journal serves
as storage, its functions run on the same stack, and so do those that get an answer's bytes.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]  # files are named from here: -ffile-prefix-map
BUDGET = {"code_bytes": 24 * 1024, "ram_bytes": 6 * 1024}
# No crypto port but the first can be compiled here: the others need their library, for Xtensa.
CRYPTO_PORTS = {"min": "crypto_min", "mbedtls": None, "psa": None}

# Members of tables of functions: what runs when they are called, beside a port's own code.
POINTERS = {
    **dict.fromkeys("read_raw read_plain write_raw erase verify select confirm reject state willing now".split(), []),
    "load": ["ss_journal_load"],
    "store": ["ss_journal_store"],
    "store_key_set": ["ss_journal_put_key_set", "ss_trust_would_keep"],
    # struct ss_journal_flash
    **dict.fromkeys("read write".split(), []),
}
# Of libgcc: leaves without a frame.
LEAVES = {"__ashldi3", "__lshrdi3", "__ashrdi3", "__mulsi3", "__bswapsi2", "__clzsi2"}
# Of the C library, which the device has anyway.
LIBC = "libc.o"


def fail(message):
    sys.exit(f"measure.py: {message}")


class Map:
    """Bytes of each object in the linker's map."""

    def __init__(self, path):
        self.code, self.data = {}, {}
        text = path.read_text().split("Linker script and memory map", 1)[1]
        # A long section name has the rest on the next line.
        name = kind = None
        for section, size, file in re.findall(r"^ (\.\S+|\*fill\*)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) *(\S*)$", text, re.M):
            if section != "*fill*":  # which counts where it follows
                kind = section.split(".")[1]
                name = re.sub(r".*\((.*)\)$", r"\1", file).rsplit("/", 1)[-1]
            if kind in ("text", "literal", "rodata"):
                self.code[name] = self.code.get(name, 0) + int(size, 16)
            elif kind in ("data", "bss"):
                self.data[name] = self.data.get(name, 0) + int(size, 16)


class Calls:
    """Frames and calls, as the compiler has written them beside the objects."""

    def __init__(self, folder):
        self.frames, self.calls, self.file = {}, {}, {}
        for path in sorted(folder.glob("*.ci")):
            text = path.read_text()
            for title, frame, kind in re.findall(r'title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \((.*?)\)', text):
                if kind != "static":
                    fail(f"{title} has a frame of unknown size ({kind})")
                self.frames[title], self.file[title] = int(frame), path.stem + ".o"
            for source, target, place in re.findall(
                    r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)" label: "([^"]*)"', text):
                targets = through_pointer(source, place) if target == "__indirect_call" else [target]
                self.calls.setdefault(source, set()).update(targets)

    def deepest(self, function, without=(), above=()):
        """Bytes of stack below the caller of `function`, and the path; functions of the files `without` take none."""
        if function in above:
            fail("recursion: " + " > ".join((*above, function)))
        if function not in self.frames:
            if function not in LEAVES:
                fail(f"nothing is known of {function}(), which {above[-1]}() calls")
            return 0, []
        if self.file[function] in without:
            return 0, []
        below, path = max((self.deepest(callee, without, (*above, function))
                           for callee in self.calls.get(function, ())), default=(0, []))
        return self.frames[function] + below, [function, *path]


def through_pointer(source, place):
    file, line, column = place.rsplit(":", 2)
    text = (ROOT / file).read_text().splitlines()[int(line) - 1]
    # The place is where the expression begins, or one around it.
    text = text[int(column) - 1:]
    names = [name for name in re.findall(r"(?:->|\.)(\w+)\(", text) or re.findall(r"^(\w+)\(", text)]
    if len(names) != 1 or names[0] not in POINTERS:
        fail(f"{source} calls through a pointer ({place}): POINTERS has to say what is called")
    return POINTERS[names[0]]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(folder):
    elf = folder / "size.elf"
    symbols = [line.split() for line in run("xtensa-lx106-elf-nm", "-S", str(elf)).splitlines()]
    linked = {s[3] for s in symbols if len(s) == 4 and s[2] in "Tt"}
    sizes, calls = Map(folder / "size.map"), Calls(folder)
    crypto = {o for o in sizes.code if o.startswith(CRYPTO_PORTS["min"])}
    agent = {o for o in sizes.code if o not in crypto and o not in ("main.o", LIBC)}

    def stack(objects, without):
        return max(calls.deepest(f, without) for f in calls.frames if calls.file[f] in objects and f in linked)

    def part(objects, without, extra_ram=0):
        return {"ram_bytes": sum(sizes.data.get(o, 0) for o in objects) + extra_ram,
                "code_bytes": sum(sizes.code[o] for o in objects), "stack_bytes": stack(objects, without)[0]}

    ram = next(int(s[1], 16) for s in symbols if s[-1] == "agent_ram")
    deepest, path = stack(agent, ())
    ports = {name: part(crypto, ()) if prefix else None for name, prefix in CRYPTO_PORTS.items()}
    return {
        "agent": part(agent, crypto, ram), "crypto": ports["min"], "crypto_ports": ports,
        "together": {"stack_bytes": deepest, "deepest": [f.rsplit(":", 1)[-1] for f in path]},
        "files": {o.rsplit(".", 1)[0]: sizes.code[o] for o in sorted(agent | crypto)},
        "compiler": run("xtensa-lx106-elf-gcc", "--version").splitlines()[0] + ", -Os",
    }


def table(result):
    print(f"{'':14} {'code':>8} {'RAM':>8} {'stack':>8}   bytes; {result['compiler']}")
    for name in ("agent", "crypto"):
        r = result[name]
        label = name if name == "agent" else "crypto (min)"
        print(f"{label:14} {r['code_bytes']:8} {r['ram_bytes']:8} {r['stack_bytes']:8}")
    print(f"{'together':14} {'':8} {'':8} {result['together']['stack_bytes']:8}   "
          f"{' > '.join(result['together']['deepest'])}")
    for name, port in result["crypto_ports"].items():
        if port is None:
            print(f"crypto ({name}): not measured, its library is not here for Xtensa")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="fail above the budget")
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    result = measure(options.folder)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        table(result)
    if options.check:
        agent = result["agent"]
        for name, limit in BUDGET.items():
            if agent[name] > limit:
                fail(f"the agent's {name} are {agent[name]}, the budget is {limit}")
        if agent["code_bytes"] < 8192 or result["crypto"]["code_bytes"] < 2048:
            fail("so little: was everything linked?")


main()
