# SPDX-License-Identifier: Apache-2.0
"""Everything at once, for long: polls, reports, downloads that are cut and resumed, reloads, a sealer that is killed.
Neither process grows: not its memory, not its files. SS_SERVER_SOAK is how many seconds (`./dev soak`: ten minutes)."""
import http.client
import os
import pathlib
import random
import re
import signal
import socket
import threading
import time

import pytest

from conftest import LIFE, ONCE
from test_server_sealed import Fleet, cache_text, token_of, wait_for
from test_server_memory import upload
from update_server import Device, Server

pytestmark = ONCE

SECONDS = int(os.environ.get("SS_SERVER_SOAK", "8"))
DEVICES = [f"240ac40000{i}" for i in range(31, 37)]
DOWN = (ConnectionError, http.client.HTTPException, OSError)


class Soaked(Server):
    life = LIFE + 3 * SECONDS

    def processes(self):
        """Numbers of the front and of the sealer that run now."""
        log = self.log.read_text()
        return [int(re.findall(rf"{name} started, process (\d+)", log)[-1]) for name in ("front", "sealer")]


def size_of(process):
    """Resident KiB, without what both share, and open files but the pool's of the store (0: not ours to know)."""
    proc = pathlib.Path(f"/proc/{process}")
    pages = [int(n) for n in (proc / "statm").read_text().split()]
    try:
        files = sum("server.db" not in os.readlink(file) for file in (proc / "fd").iterdir())
    except PermissionError:
        files = 0
    return (pages[1] - pages[2]) * 4, files


class Client(threading.Thread):
    """One device, again and again: everything that an update is, on a bad line."""

    def __init__(self, server, name, soak):
        super().__init__()
        self.device, self.server, self.soak = Device(server, name, token_of(name)), server, soak
        self.rng, self.error, self.updates = random.Random(name), None, 0

    def patiently(self, call, codes=(200,)):
        """The answer; a sealer that is just gone is waited for."""
        end = time.monotonic() + 30
        while True:
            try:
                answer = call()
                if answer.status in codes:
                    return answer
                assert answer.status == 503, (answer.status, answer.body)
            except DOWN as error:
                answer = error
            assert time.monotonic() < end, answer
            time.sleep(0.02)

    def download(self, path, expected):
        """In pieces, as connections are cut."""
        got = b""
        while len(got) < len(expected):
            lines = [f"Range: bytes={len(got)}-"] if got else []
            try:
                with self.server.connect() as sock:
                    sock.sendall(self.device.head(path, "GET", *lines))
                    stream = sock.makefile("rb")
                    status = int((stream.readline().split() or [0, 0])[1])
                    while stream.readline() not in (b"\r\n", b""):
                        pass
                    if status in (200, 206):
                        got += stream.read(min(len(expected) - len(got), self.rng.choice((10, 30000, 200000, 1 << 20))))
                    else:
                        assert status in (0, 503), status
                        time.sleep(0.02)
                    if self.rng.random() < 0.5:  # a reset, not an end
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            except OSError:
                pass
        assert got == expected

    def update(self):
        device = self.device
        slot, other = (("ota_0", "ota_1"), ("ota_1", "ota_0"))[self.updates % 2]
        self.patiently(lambda: device.call("PUT", "/configData", {"mode": "merge", "data": {
            "slotseal.slot": slot, "slotseal.version": str(self.updates)}}))
        action = self.patiently(lambda: self.server.call(
            "POST", f"/api/v1/devices/{device.name}/actions", f'{{"release": {self.server.release}}}',
            {"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json"}), (200, 201)).json()["id"]
        for _ in range(5):
            self.patiently(device.get)
        self.patiently(lambda: device.get(f"/deploymentBase/{action}"))
        self.download(f"/softwaremodules/{self.server.release}/artifacts/{other}.bin",
                      self.server.fleet.sealed(device.name, other))
        for execution, finished, codes in (("proceeding", "none", (200,)), ("closed", "success", (200, 410))):
            # 410: it was taken, and the answer came too late.
            self.patiently(lambda e=execution, f=finished: device.call(
                "POST", f"/deploymentBase/{action}/feedback",
                {"status": {"execution": e, "result": {"finished": f}, "details": ["word"]}}), codes)

    def run(self):
        try:
            while not self.soak.over.is_set():
                self.soak.going.wait()
                self.update()
                self.updates += 1
        except Exception as error:  # told by the test's thread
            self.error = error


class Soak:
    def __init__(self, server):
        self.server, self.going, self.over = server, threading.Event(), threading.Event()
        self.clients = [Client(server, name, self) for name in DEVICES]
        self.kills = 0
        for client in self.clients:
            client.start()

    def load(self, seconds, kill):
        """All of them for @seconds, with reloads, and sealers that die if @kill; then sizes at rest."""
        self.going.set()
        end = time.monotonic() + seconds
        turn = 0
        while time.monotonic() < end and not any(client.error for client in self.clients):
            time.sleep(min(0.5, seconds / 4))
            turn += 1
            if turn % 3 == 0:
                self.server.signal(signal.SIGHUP)
            if kill and turn % 40 == 1:  # the supervisor is in less and less of a hurry with one that dies young
                os.kill(self.server.processes()[1], signal.SIGKILL)
                self.kills += 1
                wait_for(lambda: self.server.log.read_text().count("sealer started") > self.kills)
        self.going.clear()
        before = None
        while before != (before := [client.updates for client in self.clients]):
            time.sleep(0.4)
        return [size_of(process) for process in self.server.processes()]

    def finish(self):
        self.over.set()
        self.going.set()
        for client in self.clients:
            client.join()
            if client.error:
                raise client.error
            assert client.updates > 0


def test_nothing_grows(tmp_path):
    fleet = Fleet(tmp_path, random.Random("soak"), DEVICES)
    front = tmp_path / "front"
    server = Soaked(front, f"sqlite:{front}/server.db", extra=fleet.config()).start()
    server.fleet = fleet
    wait_for(lambda: len(server.manage("GET", "/devices")["devices"]) == len(DEVICES))
    assert upload(server).status == 200
    (server.release,) = [r["id"] for r in server.manage("GET", "/releases")["releases"]]
    soak = Soak(server)
    try:
        sizes = [soak.load(SECONDS * part, kill) for part, kill in ((0.2, True), (0.3, True), (0.2, False), (0.3, False))]
    finally:
        soak.finish()
    print(f"{sum(client.updates for client in soak.clients)} updates, {soak.kills} sealers killed; "
          f"KiB and files of front and sealer: {sizes}")
    log = server.log.read_text()
    server.stop()
    assert log.count("front started") == 1 and log.count("sealer started") == soak.kills + 1
    warm, _, before, after = sizes
    assert after[0][1] <= warm[0][1] and after[1][1] <= before[1][1]  # files
    if cache_text() == "":  # sanitizers keep what was freed
        # SQLite fills the page caches of the front's connections, 2 MiB each at most, as its database grows.
        assert after[0][0] <= warm[0][0] + 8192 and after[1][0] <= before[1][0] + 2048
    assert "Sanitizer" not in log
