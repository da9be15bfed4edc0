#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""measure.py [--json | --check] FOLDER: what the agent takes on Xtensa, of the build in FOLDER.

Code and constants are summed from the linker's map, RAM from the map and the symbols of main.c, stack along the deepest
path of calls, from what the compiler says of frames and calls (-fcallgraph-info=su). `agent` is what takes an update
that is pushed to it, `pull` what it takes in addition to poll a server.

A call through a pointer goes to the functions that the sources initialise members of that name with, or to a port's,
which are listed here; any other ends the measuring. What a port does is the port's; but where the journal serves as
storage, its functions run on the same stack, and so do those that HTTP hands an answer to.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]  # files are named from here: -ffile-prefix-map
# Of the agent with the JSON reader, of agent and pull mode, and RAM of both. The second is what it takes now: whatever
# makes it larger is to be noticed.
AGENT_CODE_MAX, CODE_MAX, RAM_MAX = 24 * 1024, 31000, 6 * 1024
PULL = ("pull", "json", "text", "agent_names", "statement_names")
# No crypto port but the first can be compiled here: the others need their library, for Xtensa.
CRYPTO_PORTS = {"min": "crypto_min", "mbedtls": None, "psa": None}

# Members of a port's tables: what they call of ours.
PORT = {
    **dict.fromkeys("read_raw read_plain write_raw erase verify select confirm reject state willing now".split(), []),
    "load": ["ss_journal_load"],
    "store": ["ss_journal_store"],
    "store_key_set": ["ss_journal_put_key_set", "ss_trust_would_keep"],
    **dict.fromkeys("read write".split(), []),  # struct ss_journal_flash
    "exchange": ["pull_http.c:on_head", "pull_http.c:on_body"],
    **dict.fromkeys("uptime random self_test has_ca store_ca".split(), []),
}
# Of libgcc: leaves without a frame.
LEAVES = {"__ashldi3", "__lshrdi3", "__ashrdi3", "__mulsi3", "__bswapsi2", "__clzsi2"}
# Of the C library, which the device has anyway.
LIBC = "libc.o"


def fail(message):
    sys.exit(f"measure.py: {message}")


class Map:
    """Bytes of each object in the linker's map. Strings that several objects share are listed with each of them, in the
    same place: what ends where the next begins counts no further."""

    def __init__(self, path):
        self.code, self.data = {}, {}
        text = path.read_text().split("Linker script and memory map", 1)[1]
        # A long section name has the rest on the next line.
        found = re.findall(r"^ (\.\S+|\*fill\*)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) *(\S*)$", text, re.M)
        starts = [int(start, 16) for _, start, _, _ in found]
        name = kind = None
        for (section, _, size, file), start, following in zip(found, starts, [*starts[1:], 0]):
            if section != "*fill*":  # which counts where it follows
                kind = section.split(".")[1]
                name = re.sub(r".*\((.*)\)$", r"\1", file).rsplit("/", 1)[-1]
            size = int(size, 16)
            if start <= following < start + size:
                size = following - start
            if kind in ("text", "literal", "rodata"):
                self.code[name] = self.code.get(name, 0) + size
            elif kind in ("data", "bss"):
                self.data[name] = self.data.get(name, 0) + size


class Calls:
    """Frames and calls, as the compiler wrote them beside the objects. Static functions are called file.c:name."""

    def __init__(self, folder):
        self.frames, self.calls, self.file = {}, {}, {}
        texts = {path.stem + ".c": path.read_text() for path in sorted(folder.glob("*.ci"))}
        for file, text in texts.items():
            for title, frame, kind in re.findall(r'title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \((.*?)\)', text):
                title = title.rsplit("/", 1)[-1]
                if kind != "static":
                    fail(f"{title} has a frame of unknown size ({kind})")
                self.frames[title], self.file[title] = int(frame), file
        self.members = self.find_members(texts)
        for text in texts.values():
            for source, target, place in re.findall(
                    r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)" label: "([^"]*)"', text):
                source, target = (name.rsplit("/", 1)[-1] for name in (source, target))
                targets = self.through_pointer(source, place) if target == "__indirect_call" else [target]
                self.calls.setdefault(source, set()).update(targets)

    def find_members(self, texts):
        """The functions that members of each name are initialised with; those that a port calls are not."""
        members, called_back = {}, {name for names in PORT.values() for name in names}
        for file, text in texts.items():
            source = (ROOT / re.search(r'graph: { title: "([^"]+)"', text)[1]).read_text()
            for member, function in re.findall(r"\.(\w+)\s*=\s*(\w+)\b(?!\()", source):
                for title in (f"{file}:{function}", function):
                    if title in self.frames and title not in called_back:
                        members.setdefault(member, set()).add(title)
        return members

    def through_pointer(self, source, place):
        file, line, column = place.rsplit(":", 2)
        # The place is where the expression begins, or one around it.
        text = (ROOT / file).read_text().splitlines()[int(line) - 1][int(column) - 1:]
        names = set(re.findall(r"(?:->|\.)(\w+)\(", text) or re.findall(r"^(\w+)\(", text))
        names = {name for name in names if name in PORT or name in self.members}
        if len(names) != 1:
            fail(f"{source} calls through a pointer ({place}): what, PORT or an initialiser has to say")
        name = names.pop()
        return PORT[name] if name in PORT else self.members[name]

    def deepest(self, function, without=(), above=()):
        """Bytes of stack below the caller of `function`, and the path; functions of the files `without` take none."""
        if function in above:
            fail("recursion: " + " > ".join((*above, function)))
        if function not in self.frames:
            if function not in LEAVES:
                fail(f"nothing is known of {function}(), which {above[-1]}() calls")
            return 0, []
        if object_of(self.file[function]) in without:
            return 0, []
        below, path = max((self.deepest(callee, without, (*above, function))
                           for callee in self.calls.get(function, ())), default=(0, []))
        return self.frames[function] + below, [function, *path]


def object_of(source):
    return source.rsplit(".", 1)[0] + ".o"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(folder):
    elf = folder / "size.elf"
    symbols = [line.split() for line in run("xtensa-lx106-elf-nm", "-S", str(elf)).splitlines()]
    linked = {s[3] for s in symbols if len(s) == 4 and s[2] in "Tt"}
    ram = {s[3].removesuffix("_ram"): int(s[1], 16) for s in symbols if s[-1].endswith("_ram")}
    sizes, calls = Map(folder / "size.map"), Calls(folder)
    sections = dict(re.findall(r"^(\.text|\.rodata)\s+(\d+)", run("xtensa-lx106-elf-size", "-A", str(elf)), re.M))
    if sum(sizes.code.values()) != sum(map(int, sections.values())):
        fail(f"the map has {sum(sizes.code.values())} bytes of code, the file {sections}")
    crypto = {o for o in sizes.code if o.startswith(CRYPTO_PORTS["min"])}
    pull = {o for o in sizes.code if o.startswith(PULL)}
    agent = {o for o in sizes.code if o not in crypto | pull and o not in ("main.o", LIBC)}

    def stack(objects, without):
        return max(calls.deepest(f, without) for f in calls.frames
                   if object_of(calls.file[f]) in objects and f in linked)

    def part(name, objects, without=()):
        return {"ram_bytes": ram.get(name, 0) + sum(sizes.data.get(o, 0) for o in objects),
                "code_bytes": sum(sizes.code[o] for o in objects), "stack_bytes": stack(objects, without)[0]}

    parts = {"agent": part("agent", agent, crypto), "pull": part("pull", pull, crypto)}
    deepest, path = stack(agent | pull, ())
    ports = {name: part(name, crypto) if prefix else None for name, prefix in CRYPTO_PORTS.items()}
    return {
        **parts, "crypto": ports["min"], "crypto_ports": ports,
        "together": {
            **{n: sum(p[n] for p in (*parts.values(), ports["min"])) for n in ("ram_bytes", "code_bytes")},
            "stack_bytes": deepest, "deepest": [f.rsplit(":", 1)[-1] for f in path]},
        "files": {o.rsplit(".", 1)[0]: sizes.code[o] for o in sorted(agent | pull | crypto)},
        "compiler": run("xtensa-lx106-elf-gcc", "--version").splitlines()[0] + ", -Os",
    }


def table(result):
    print(f"{'':14} {'code':>8} {'RAM':>8} {'stack':>8}   bytes; {result['compiler']}")
    labels = {"agent": "agent", "pull": "pull mode", "crypto": "crypto (min)", "together": "together"}
    for name, label in labels.items():
        r = result[name]
        print(f"{label:14} {r['code_bytes']:8} {r['ram_bytes']:8} {r['stack_bytes']:8}")
    print(f"deepest: {' > '.join(result['together']['deepest'])}")
    for name, port in result["crypto_ports"].items():
        if port is None:
            print(f"crypto ({name}): not measured, its library is not here for Xtensa")


def check(result):
    agent, pull = result["agent"], result["pull"]
    reader = result["files"]["json"]
    for what, size, limit in (("code of agent and JSON reader", agent["code_bytes"] + reader, AGENT_CODE_MAX),
                              ("code of agent and pull mode", agent["code_bytes"] + pull["code_bytes"], CODE_MAX),
                              ("RAM of agent and pull mode", agent["ram_bytes"] + pull["ram_bytes"], RAM_MAX)):
        if size > limit:
            fail(f"the {what} is {size} bytes, the budget is {limit}")
    if agent["code_bytes"] < 8192 or pull["code_bytes"] < 4096 or result["crypto"]["code_bytes"] < 2048:
        fail("so little: was everything linked?")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="fail above the budgets")
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    result = measure(options.folder)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        table(result)
    if options.check:
        check(result)


main()
