# SPDX-License-Identifier: Apache-2.0
"""Memory that runs out in front and sealer: one allocation after the other fails, through the whole life of a server. An
answer is right, an error of the server's, or none at all; nothing leaks, and the next request is answered as ever.

SS_SERVER_MEMORY=full (`./dev memory`) has every allocation fail; without it, the first of each request and some of the
others."""
import http.client
import itertools
import json
import mmap
import os
import random
import struct
import subprocess
import time
import types

import pytest

from conftest import BUILD, ONCE
from test_server_sealed import Fleet, chunk_of, tell, token_of, wait_for
from update_server import CONFINED, Device, Server

pytestmark = ONCE

FULL = os.environ.get("SS_SERVER_MEMORY") == "full"
SIZE = 24 + 16 * 8
DOWN = (ConnectionError, http.client.HTTPException, OSError)
NAME = "240ac4000021"


class Memory:
    """What tests/faults/alloc.c shares with us."""

    def __init__(self, folder, ours_alone=False):
        self.path = folder / "memory"
        self.path.write_bytes(struct.pack("III", 0, 0, ours_alone).ljust(SIZE, b"\0"))
        with self.path.open("r+b") as file:
            self.shared = mmap.mmap(file.fileno(), SIZE)

    def fail(self, number):
        """The allocation with this number from now on; 0: none. How many have failed since the last call."""
        failed = struct.unpack_from("I", self.shared, 4)[0]
        struct.pack_into("II", self.shared, 0, 0, 0)
        struct.pack_into("I", self.shared, 0, number)
        return failed

    def live(self):
        return struct.unpack_from("q", self.shared, 16)[0]

    def settled(self, most):
        """How many blocks there are more than @most, when what goes on behind an answer is over."""
        for _ in range(400):  # two seconds: other threads get their turn late on a busy machine
            if self.live() <= most:
                return 0
            time.sleep(0.005)
        return self.live() - most

    def place(self):
        """Where the last one failed, for who reads the failure."""
        frames = [hex(frame - 1) for frame in struct.unpack_from("16Q", self.shared, 24) if frame]
        found = subprocess.run(["addr2line", "-fpse", Faulty.program, *frames], capture_output=True, text=True)
        return [line for line in found.stdout.splitlines() if not line.startswith(("?", "must_fail"))]


class Faulty(Server):
    program = BUILD / "tests" / "slotseal-faults"
    life = 3600 if FULL else 300


class Step:
    """Something that is asked of the server. @right says what the right answers are: a number of a status, or more."""

    def __init__(self, name, act, right=200, prepare=lambda: None):
        self.name, self.act, self.prepare = name, act, prepare
        self.right = right if callable(right) else lambda answer: answer.status == right

    def answer(self):
        """None if there was none."""
        try:
            return self.act()
        except DOWN:
            return None

    def succeed(self):
        """Undisturbed; a channel between front and sealer that was lost may have to come back."""
        end = time.monotonic() + 20
        while True:
            self.prepare()
            answer = self.answer()
            if answer is not None and self.right(answer):
                return
            assert time.monotonic() < end and (answer is None or answer.status >= 500), \
                (self.name, answer and (answer.status, answer.body[:1000]))
            time.sleep(0.02)


def numbers():
    """Of allocations that fail: all, or the first ones and then ever fewer."""
    number = 1
    while True:
        yield number
        number += 1 if FULL or number < 4 else number // 2


def disturb(memory, step, number):
    """One allocation fails. How many blocks there are more afterwards; None if the step needs fewer allocations."""
    step.prepare()
    before = memory.live()
    memory.fail(number)
    answer = step.answer()
    failed = memory.fail(0)
    if answer is not None and answer.status < 500 and not step.right(answer):
        raise AssertionError(f"{step.name}: {answer.status} {answer.body[:500]} when {memory.place()} gets no memory")
    step.succeed()
    return memory.settled(before) if failed else None


def exhaust(memory, step, which):
    """Every allocation of the step fails once. How many did."""
    for _ in range(3):
        step.succeed()
    count = 0
    for number in which:
        more = disturb(memory, step, number)
        if more is None:
            break
        count += 1
        # What is kept for good is kept once; a leak leaks every time.
        for _ in range(12):
            if more:
                more = disturb(memory, step, number)
        assert not more, f"{step.name}: {more} blocks are lost when {memory.place()} gets no memory"
    return count


VOLATILE = ("seen", "changed", "created", "sleep", "slotseal.delivery")


def stable(value):
    """Without what is another one each time."""
    if isinstance(value, dict) and value.get("key") in VOLATILE:
        return value["key"]
    if isinstance(value, dict):
        return {k: stable(v) for k, v in value.items() if k not in VOLATILE}
    return [stable(v) for v in value] if isinstance(value, list) else value


def said(answer):
    body = answer.body
    if "json" in answer.headers.get("Content-Type", ""):
        try:
            body = stable(json.loads(body))
        except ValueError:
            pass  # not what is expected, then
    return answer.status, body, [answer.headers.get(h) for h in ("Content-Type", "ETag", "Content-Range", "Allow")]


def same(name, act, prepare=lambda: None):
    """The same question gets the same answer."""
    prepare()
    first = said(act())
    assert first[0] < 500, (name, first)
    return Step(name, act, lambda answer: said(answer) == first, prepare)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    return Fleet(tmp_path_factory.mktemp("memory"), random.Random("memory"), [NAME])


@pytest.fixture(scope="module")
def server(fleet):
    """Everything that a server can have to do, ready to be asked for."""
    folder = fleet.folder / "front"
    memory = Memory(folder)
    server = Faulty(folder, f"sqlite:{folder}/server.db", extra=fleet.config(), limits="guesses = 1000000")
    server.start(SLOTSEAL_ALLOC_FAULT=str(memory.path))
    server.memory, server.fleet = memory, fleet
    wait_for(lambda: server.manage("GET", "/devices")["devices"])
    assert upload(server).status == 200
    (server.release,) = [r["id"] for r in server.manage("GET", "/releases")["releases"]]
    server.sealed = Device(server, NAME, token_of(NAME))
    server.opaque = server.opaque_release("lamp-plain", "1", {"a.bin": b"opaque" * 1000})
    server.plain = server.device("plain", "lamp-plain")
    yield server
    log = server.log.read_text()
    server.stop()
    assert "was killed by" not in log and "ended with status" not in log and "Sanitizer" not in log


def upload(server):
    """The command line, which encrypts a release; how it ended, as an answer."""
    done = subprocess.run([BUILD / "slotseal", "release", "upload", server.fleet.folder / "app.bin", "--release",
                           server.fleet.folder / "app.release", "--upload-key", server.fleet.keys / "upload.pem",
                           "--server", f"http://127.0.0.1:{server.port}", "--token-file", server.folder / "tester.token"],
                          capture_output=True, timeout=60)
    return types.SimpleNamespace(status=500 if done.returncode else 200, body=done.stderr, headers={})


def manage_steps(server, action):
    """Operators'."""
    head = {"Authorization": f"Bearer {server.token}"}
    typed = {**head, "Content-Type": "application/json"}

    def ask(method, path, value=None, **more):
        return lambda: server.call(method, "/api/v1" + path, json.dumps(value) if value is not None else None,
                                   {**(typed if value is not None else head), **more})

    for path in ("/status", "/products", "/devices", f"/devices/{NAME}", f"/devices/{NAME}/attributes",
                 f"/devices/{NAME}/actions", f"/actions/{action}", f"/actions/{action}/history", "/releases",
                 f"/releases/{server.opaque}", "/operators", "/nothing"):
        yield same("GET " + path, ask("GET", path))
    yield same("PUT product", ask("PUT", "/products/lamp-plain", {"kind": "opaque"}))
    yield same("PUT device", ask("PUT", "/devices/other", {"product": "lamp-plain", "any_certificate": True}))
    yield same("ask for attributes", ask("POST", "/devices/plain/attributes", {}))
    yield same("a body that is none", lambda: server.call("PUT", "/api/v1/products/x", b"{", typed))
    yield same("no operator", lambda: server.call("GET", "/api/v1/status", None, {"Authorization": "Bearer x"}))
    keys = (server.fleet.keys / "fleet.keys").read_bytes()
    cose = {**head, "Content-Type": "application/cose"}
    yield same("key set", lambda: server.call("POST", "/api/v1/keysets", keys, cose))
    yield same("public key set", lambda: server.call("GET", "/DEFAULT/keyset/v1/lamp/after/0"))

    def assignment():
        for one in server.manage("GET", "/devices/plain/actions")["actions"]:
            if one["active"]:
                server.manage("POST", f"/actions/{one['id']}/cancel", {"force": True}, None)

    yield Step("assign", ask("POST", "/devices/plain/actions", {"release": server.opaque}),
               lambda answer: answer.status in (200, 201), assignment)

    state = {}

    def assigned():
        state["action"] = server.manage("POST", "/devices/plain/actions", {"release": server.opaque}, None)["id"]

    yield Step("cancel", lambda: ask("POST", f"/actions/{state['action']}/cancel", {"force": True})(),
               lambda answer: answer.json()["state"] == "canceled", assigned)
    count = itertools.count()

    def opaque_release():
        number = next(count)
        return server.opaque_release("lamp-plain", f"r{number}", {"a.bin": b"%d" % number * 30000})

    def release():
        try:
            return types.SimpleNamespace(status=200, body=opaque_release())
        except AssertionError as error:
            assert error.args[0][2] >= 500, error.args
            return None

    yield Step("a release of files", release)
    yield Step("a sealed upload", lambda: upload(server))


def device_steps(server, action):
    device, plain = server.sealed, server.plain
    count = itertools.count(1)

    def newer():
        """What was delivered is no news any more: another statement has to be made."""
        tell(device, "ota_0", next(count) * 1000)

    chunk, _ = chunk_of(device, action)
    path = chunk["artifacts"][0]["_links"]["download-http"]["href"].split(device.base, 1)[1]
    whole = server.fleet.sealed(NAME, "ota_1")
    yield same("poll", device.get)
    yield Step("tell", lambda: device.call("PUT", "/configData", {"data": {"n": str(next(count))}}))
    yield same("deployment", lambda: device.get(f"/deploymentBase/{action}"))
    yield same("a new delivery", lambda: device.get(f"/deploymentBase/{action}"), newer)
    yield same("its history", lambda: device.get(f"/deploymentBase/{action}?actionHistory=10"))
    yield same("artifacts", lambda: device.get(f"/softwaremodules/{server.release}/artifacts"))
    yield Step("download", lambda: device.get(path), lambda answer: answer.status == 200 and answer.body == whole)
    yield same("a part of it", lambda: device.get(path, Range="bytes=70001-200000"))
    yield same("its head", lambda: device.call("HEAD", path))
    yield same("an impossible part", lambda: device.get(path, Range="bytes=9999999-"))
    wait_for(lambda: device.get("/freshness").status == 200)
    yield same("freshness", lambda: device.get("/freshness"))
    yield same("confirmation", lambda: device.get("/confirmationBase"))
    yield same("a stranger", lambda: device.get(Authorization="TargetToken x"))
    yield same("no such thing", lambda: device.get("/deploymentBase/999"))

    def report(where, number, execution, finished, *details):
        return where.call("POST", f"/deploymentBase/{number}/feedback", {
            "status": {"execution": execution, "result": {"finished": finished}, "details": details}})

    state = {}

    def begin():
        state["action"] = server.manage("POST", "/devices/plain/actions", {"release": server.opaque}, None)["id"]

    yield Step("report", lambda: report(plain, state["action"], "proceeding", "none", "a", "b"), prepare=begin)
    yield Step("last report", lambda: report(plain, state["action"], "closed", "success"), prepare=begin)
    yield same("opaque deployment", lambda: plain.get(f"/deploymentBase/{state['action']}"), begin)
    begin()
    yield same("opaque download", lambda: plain.get(f"/softwaremodules/{server.opaque}/artifacts/a.bin"))
    yield same("its sum", lambda: plain.get(f"/softwaremodules/{server.opaque}/artifacts/a.bin.MD5SUM"))
    for page in ("/healthz", "/readyz"):
        yield same(page, lambda page=page: server.call("GET", page))
    yield Step("/metrics", lambda: server.call("GET", "/metrics"), lambda answer: b"slotseal_requests_total" in answer.body)


def test_memory_that_runs_out_for_requests(server):
    tell(server.sealed, "ota_0")
    action = server.assign(NAME, server.release)
    failed = 0
    for step in itertools.chain(device_steps(server, action), manage_steps(server, action)):
        # What became of an upload is only looked at every few seconds.
        count = exhaust(server.memory, step, (1, 8, 64, 512) if step.name == "a sealed upload" and not FULL else numbers())
        print(f"{step.name}: {count} allocations failed")
        failed += count
    # A server that is short of memory does not take back what an operator decided.
    assert server.manage("GET", f"/actions/{action}")["active"]
    assert failed > 300


def test_memory_that_runs_out_while_it_starts(fleet, tmp_path):
    # OpenSSL 3.0 does not survive a lack of memory while it sets itself up: then the supervisor starts a process again.
    memory = Memory(tmp_path, ours_alone=True)
    server = Faulty(fleet.folder / "front", f"sqlite:{fleet.folder}/front/server.db", extra=fleet.config(), operator=False)
    path = fleet.folder / "front" / "server.conf"
    outcomes = set()
    for number in numbers():
        memory.fail(number)
        server.port = 0
        server.write_config()
        with (tmp_path / "start.log").open("wb") as log:
            process = subprocess.Popen([Faulty.program, "serve", "--config", path], stdout=subprocess.PIPE, stderr=log,
                                       text=True, env={**CONFINED, "SLOTSEAL_ALLOC_FAULT": str(memory.path)})
        line = process.stdout.readline()
        if line:
            server.port = int(line.split()[-1])
            wait_for(lambda: server.call("GET", "/readyz").status == 200)
            process.terminate()
        ended = process.wait(timeout=40)
        failed = memory.fail(0)
        text = (tmp_path / "start.log").read_text()
        assert ended == (0 if line else 1), (number, memory.place(), ended, text)
        assert "was killed by" not in text and "Sanitizer" not in text, (number, memory.place(), text)
        outcomes.add(ended)
        if not failed:
            break
    assert outcomes == {0, 1}
