# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the server at the named points of its writes, and of PostgreSQL, with devices at work: no report that was
answered is lost, and no action is done twice."""
import http.client
import json
import random
import signal
import threading
import time

import pytest

from conftest import BUILD, ONCE, call_slotseal
from pull_bench import app
from test_server_sealed import VERSION, Fleet, chunk_of, tell, token_of, wait_for
from update_server import Device, Postgres, Server

pytestmark = ONCE

DEVICES, ROUNDS = 4, 4
DOWN = (ConnectionError, http.client.HTTPException, TimeoutError, OSError)


@pytest.fixture
def store(request, tmp_path):
    """URL of a store, and its PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path}/server.db", None
        return
    folder = tmp_path / "database"
    folder.mkdir()
    postgres = Postgres(folder)
    yield postgres.new_database(), postgres
    postgres.stop()


class Work:
    """One device that polls, reports and finishes whatever it is given, and an operator who gives it more."""

    def __init__(self, server, device, releases):
        self.server, self.device, self.releases, self.error = server, device, releases, None
        self.reported, self.closed, self.assigned = {}, set(), set()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def try_hard(self, what, call, codes):
        """Until it is answered: servers go and come."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                answer = call()
                if answer.status in codes:
                    return answer
                assert answer.status == 503, (what, answer.status, answer.body)
            except DOWN:
                pass
            time.sleep(0.05)
        raise AssertionError("not answered for a minute")

    def assign(self, release):
        answer = self.try_hard("assign", lambda: self.server.call(
            "POST", f"/api/v1/devices/{self.device.name}/actions", json.dumps({"release": release}),
            {"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json"}), (200, 201))
        self.assigned.add(answer.json()["id"])
        return answer.json()["id"]

    def report(self, action, execution, finished, codes=(200,)):
        body = {"status": {"execution": execution, "result": {"finished": finished}, "details": ["word"]}}
        answer = self.try_hard(
            (action, execution), lambda: self.device.call("POST", f"/deploymentBase/{action}/feedback", body), codes)
        return answer.status

    def run(self):
        try:
            self.work()
        except AssertionError as error:
            self.error = str(error.args)

    def work(self):
        for number in range(ROUNDS):
            action = self.assign(self.releases[number % 2])
            self.try_hard("poll", lambda: self.device.call("GET"), (200, 304))
            for _ in range(2):
                self.report(action, "proceeding", "none")
                self.reported[action] = self.reported.get(action, 0) + 1
            # 410: it was taken, and the answer was lost with the server.
            self.report(action, "closed", "success", (200, 410))
            self.closed.add(action)

    def judge(self):
        actions = self.server.manage("GET", f"/devices/{self.device.name}/actions?limit=1000")["actions"]
        states = {action["id"]: action["state"] for action in actions}
        assert self.assigned <= set(states)
        for action in self.closed:
            history = self.server.manage("GET", f"/actions/{action}/history")["history"]
            names = [entry["state"] for entry in history]
            assert states[action] == "finished"
            assert names.count("finished") == 1 and names[0] == "finished"
            assert sum(entry["messages"] == ["word"] for entry in history) >= self.reported[action] + 1
        assert not [state for state in states.values() if state != "finished"]


class Nursed(Server):
    """A server that is started again, on the same port, whenever it dies."""

    program = BUILD / "tests" / "slotseal-faults"

    def nurse(self, fault):
        self.deaths, self.over = 0, False
        self.start(SLOTSEAL_FAULT=fault)
        self.thread = threading.Thread(target=self.watch, args=(fault,))
        self.thread.start()

    def watch(self, fault):
        while not self.over:
            if self.process.poll() is None:
                time.sleep(0.02)
                continue
            self.deaths += 1
            self.start(SLOTSEAL_FAULT=fault)

    def end(self):
        self.over = True
        self.thread.join()
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)  # it may be about to die by itself: a clean stop is another test's
        self.process.wait()


def prepare(server):
    releases = [server.opaque_release("lamp", version, {"app.bin": version.encode() * 100}) for version in ("1", "2")]
    return releases, [server.device(f"d{number}") for number in range(DEVICES)]


def finish(works):
    for work in works:
        work.thread.join()
        assert work.error is None, work.error
        assert len(work.closed) == ROUNDS and work.closed == work.assigned
    for work in works:
        work.judge()


@pytest.mark.parametrize("store, point", [("sqlite", "store-feedback:begin=9"), ("sqlite", "store-feedback:commit=7"),
                                          ("sqlite", "store-feedback:done=8"), ("sqlite", "store-assign:commit=4"),
                                          ("postgres", "store-feedback:commit=7")], indirect=["store"])
def test_a_server_that_dies(store, tmp_path, point):
    server = Nursed(tmp_path, store[0])
    server.start()
    releases, devices = prepare(server)
    server.stop()
    server.nurse(point)
    works = [Work(server, device, releases) for device in devices]
    for work in works:
        work.thread.join()
    server.end()
    server.start()
    finish(works)
    server.stop()
    assert server.deaths > 0


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
def test_a_database_that_dies(store, tmp_path):
    server = Server(tmp_path, store[0])
    server.start()
    releases, devices = prepare(server)
    works = [Work(server, device, releases) for device in devices]
    time.sleep(0.3)
    store[1].crash()
    finish(works)
    server.stop()


NAME = "240ac4000051"


class Mortal(Server):
    """Its processes die; the supervisor starts them again."""

    program = BUILD / "tests" / "slotseal-faults"


def upload(server, fleet, name):
    call_slotseal("release", "upload", fleet.folder / f"{name}.bin", "--release", fleet.folder / f"{name}.release",
                  "--upload-key", fleet.keys / "upload.pem", "--server", f"http://127.0.0.1:{server.port}", "--token-file",
                  server.folder / "tester.token")


@pytest.mark.parametrize("point", ["release-add:commit=2", "store-upload-accept:commit=2"])
def test_a_release_is_taken_once(tmp_path, point):
    """Sealer and front die while they take a release from whoever uploaded it, who waits for that."""
    fleet = Fleet(tmp_path, random.Random("once"), [NAME])
    (tmp_path / "next.bin").write_bytes(app("2.0", 100000))
    call_slotseal("release", "sign", tmp_path / "next.bin", "--key", fleet.keys / "release.key", "--product", "lamp",
                  *fleet.release, "-o", tmp_path / "next.release")
    server = Mortal(tmp_path / "front", f"sqlite:{tmp_path}/front/server.db", extra=fleet.config())
    server.start(SLOTSEAL_FAULT=point)
    wait_for(lambda: server.manage("GET", "/devices")["devices"])
    for name in ("app", "next", "next"):  # who is not sure does it again
        upload(server, fleet, name)
    wait_for(lambda: server.call("GET", "/readyz").status == 200)
    who = "sealer" if point.startswith("release") else "front"
    assert f'level=warning message=supervisor detail="{who} was killed by signal 9"' in server.log.read_text()
    releases = server.manage("GET", "/releases")["releases"]
    assert sorted(release["version"] for release in releases) == [VERSION, "2.0"]
    kept = json.loads(call_slotseal("release", "list", "--json", env=fleet.env).stdout)["releases"]
    assert sorted(release["version"] for release in kept) == [VERSION, "2.0"]
    device = Device(server, NAME, token_of(NAME))
    tell(device, "ota_0")
    (newer,) = [release["id"] for release in releases if release["version"] == "2.0"]
    chunk_of(device, server.assign(NAME, newer))
    server.stop()
