#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every line that the boot model can print is printed by a test: boot_lines.py CHIP_DIR LINES...

Reads the formats out of the sources of the boot model and the lines that the tests recorded (SS_BOOT_LINES), and names
the formats that no line fits.
"""
import pathlib
import re
import sys

# A call whose format comes with the line; the number of arguments before the format.
CALLS = {"ss_boot_say": 1, "ss_boot_log": 3, "FAIL": 2}
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def arguments(text, start):
    """The arguments of a call whose opening parenthesis is at @p start."""
    depth, at, out, begin = 0, start, [], start + 1
    while True:
        c = text[at]
        if c == '"':
            at = STRING.match(text, at).end()
            continue
        if c == "'":
            at = text.index("'", at + 2 if text[at + 1] == "\\" else at + 1) + 1
            continue
        depth += c in "([{"
        depth -= c in ")]}"
        if depth == 0 or (depth == 1 and c == ","):
            out.append(text[begin:at])
            begin = at + 1
            if depth == 0:
                return out
        at += 1


def literals(expression):
    """The strings that an expression can be: adjacent ones are one, ?: gives several."""
    found, last = [], None
    for m in STRING.finditer(expression):
        joined = last is not None and not expression[last:m.start()].strip()
        found[-1:] = [found[-1] + m.group(1)] if joined else found[-1:] + [m.group(1)]
        last = m.end()
    return found


def pattern(form):
    """A printf format as a regular expression."""
    out, at = "", 0
    for m in re.finditer(r"%[-0-9.*]*(?:z|l)?([a-zA-Z%])", form):
        out += re.escape(form[at:m.start()].encode().decode("unicode_escape"))
        out += {"s": ".*", "%": "%", "c": ".", "x": "[0-9a-f]+"}.get(m.group(1), " *-?[0-9]+")
        at = m.end()
    return re.compile(out + re.escape(form[at:].encode().decode("unicode_escape")) + "$")


def formats(folder):
    for path in sorted(pathlib.Path(folder).glob("boot_*.c")):
        text = path.read_text()
        if path.name == "boot_log.c":
            continue  # what prints them
        for m in re.finditer(r"\b(" + "|".join(CALLS) + r")\(", text):
            args = arguments(text, m.end() - 1)
            index = CALLS[m.group(1)]
            if len(args) <= index or args[0].strip().startswith("struct"):
                continue
            line = text.count("\n", 0, m.start()) + 1
            for form in literals(args[index]):
                # Where a format is nothing but a string, the strings count.
                rest = [s for a in args[index + 1:] for s in literals(a)]
                for one in rest if form == "%s" and rest else [form]:
                    yield f"{path.name}:{line}", one
        # Words that go into a line.
        for m in re.finditer(r"\breason = ([^;]*);", text):
            for form in literals(m.group(1)):
                yield f"{path.name}:{text.count(chr(10), 0, m.start()) + 1}", "%s: " + form


def main(folder, *recorded):
    lines = {re.sub(r"^[EWI] \(T\) [^:]+: ", "", line)
             for name in recorded for line in pathlib.Path(name).read_text(errors="replace").splitlines()}
    total, missing = 0, []
    for where, form in formats(folder):
        total += 1
        if not any(pattern(form).match(line) for line in lines):
            missing.append(f"{where}: {form}")
    for entry in missing:
        print(entry)
    print(f"{total} formats, {len(missing)} that no test prints, {len(lines)} different lines")
    return bool(missing) or total < 100


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
