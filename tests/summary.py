# SPDX-License-Identifier: Apache-2.0
"""Adds up the JUnit files of one test run and prints `N passed, N failed, N skipped`.

A CTest case that is a cmocka program counts as the tests inside it, every other case as one.
Exit status 1 if a test failed, or if there was none.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

CMOCKA = re.compile(r"^\[  (PASSED|FAILED|SKIPPED) {1,2}\] (?:TOTAL: )?(\d+) test\(s\)", re.MULTILINE)


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return "failed"
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def count(path):
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        result = outcome(case)
        inner = CMOCKA.findall(case.findtext("system-out") or "")
        for word, number in inner:
            totals[word.lower()] += int(number)
        # A program that died has no count of its own that could be trusted.
        if not inner or (result == "failed" and not any(word == "FAILED" for word, _ in inner)):
            totals[result] += 1
    return totals


def main(folder):
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    for path in sorted(pathlib.Path(folder).glob("*.xml")):
        found = count(path)
        print(f"{path.stem}: " + ", ".join(f"{n} {word}" for word, n in found.items()), file=sys.stderr)
        for word, number in found.items():
            totals[word] += number
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
