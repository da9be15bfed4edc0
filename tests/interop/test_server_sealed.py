# SPDX-License-Identifier: Apache-2.0
"""Updates that are sealed while they are downloaded: front, sealer, store and vault together."""
import base64
import ctypes
import hashlib
import json
import os
import pathlib
import pwd
import random
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization

from conftest import BUILD, LIFE, ONCE, ROOT, SLOTSEAL, call_slotseal, small_app
from update_server import (CONFINED, Device, Server, certificate, let_others_in, read_all, read_answer,
                           tls_context)

pytestmark = ONCE

TABLE = ROOT / "examples/forum/partitions.csv"
VERSION = "1.0"


def cache_text():
    return "-fsanitize" if "SS_SANITIZE:STRING=\n" not in (BUILD / "CMakeCache.txt").read_text() else ""


def token_of(device):
    return f"token-of-{device}".ljust(43, "-")


class Fleet:
    """A vault with devices, and all keys that an update needs."""

    product, release = ("--secure-boot", "none"), ("--secure-boot", "none")

    def __init__(self, folder, rng, devices):
        self.folder, self.keys, self.vault = folder, folder / "keys", folder / "vault"
        for path in (self.keys, self.vault, folder / "front"):
            path.mkdir()
        self.env = {"SLOTSEAL_VAULT": f"sqlite:{self.vault}/fleet.vault",
                    "SLOTSEAL_VAULT_KEY": f"file:{self.keys}/vault.key",
                    "SLOTSEAL_VAULT_SIGNING_KEY": f"file:{self.keys}/signing.key"}
        self.delivery_key = self.keys / "delivery.key"
        self.init_vault()
        call_slotseal("product", "add", "lamp", "--table", TABLE, "--flash-size", "4MB", *self.product, env=self.env)
        for name in ("root", "release", "delivery", "upload"):
            certificate(self.keys, name)
            os.chmod(self.keys / f"{name}.key", 0o600)
            key = self.delivery_key if name == "delivery" else self.keys / f"{name}.key"
            call_slotseal("key", "public", "--key", key, "-o", self.keys / f"{name}.pub", env=self.env)
        call_slotseal("keyset", "new", "--product", "lamp", "--root-keys", self.keys / "root.pub", "--threshold", 1,
                      "--release-keys", self.keys / "release.pub", "--delivery-keys", self.keys / "delivery.pub",
                      "--update-server", "https://updates.test", "-o", self.keys / "unsigned.keys")
        call_slotseal("keyset", "sign", self.keys / "unsigned.keys", "--key", self.keys / "root.key", "-o",
                      self.keys / "fleet.keys")
        for device in devices:
            (self.keys / f"{device}.flash").write_bytes(rng.randbytes(32))
            self.import_device(device)
            token = self.keys / f"{device}.token"
            token.touch(0o600)
            token.write_text(token_of(device))
            call_slotseal("device", "credential", device, "--token", token, env=self.env)
        (folder / "app.bin").write_bytes(small_app(rng, 300000))
        call_slotseal("release", "sign", folder / "app.bin", "--key", self.keys / "release.key", "--product", "lamp",
                      *self.release, "-o", folder / "app.release")

    def import_device(self, device):
        call_slotseal("device", "import", "--product", "lamp", "--device", device, "--flash-key",
                      self.keys / f"{device}.flash", env=self.env)

    def init_vault(self):
        call_slotseal("vault", "init", env=self.env)

    def upload(self, server):
        """The release's number there."""
        call_slotseal("release", "upload", self.folder / "app.bin", "--release", self.folder / "app.release",
                      "--upload-key", self.keys / "upload.pem", "--server", f"http://127.0.0.1:{server.port}",
                      "--token-file", server.folder / "tester.token")
        (release,) = [r["id"] for r in server.manage("GET", "/releases")["releases"]]
        return release

    def config(self):
        return "\n".join(["[sealer]", f"vault = {self.env['SLOTSEAL_VAULT']}",
                          f"vault_key = {self.env['SLOTSEAL_VAULT_KEY']}", f"delivery_key = {self.delivery_key}",
                          f"upload_key = {self.keys}/upload.key", f"key_set = {self.keys}/fleet.keys"])

    def sealed(self, device, slot):
        """What the update has to be, sealed by the command line."""
        out = self.folder / f"{device}.{slot}.bin"
        if not out.exists():
            call_slotseal("seal", self.folder / "app.bin", "--table", TABLE, "--slot", slot, "--flash-key",
                          self.keys / f"{device}.flash", "-o", out)
        return out.read_bytes()


DEVICES = [f"240ac400000{i}" for i in range(1, 10)]  # each test has its own


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    return Fleet(tmp_path_factory.mktemp("fleet"), random.Random("fleet"), DEVICES)


@pytest.fixture(scope="module")
def server(fleet):
    front = fleet.folder / "front"
    server = Server(front, f"sqlite:{front}/server.db", extra=fleet.config()).start()
    server.fleet = fleet
    wait_for(lambda: server.call("GET", "/readyz").status == 200)
    wait_for(lambda: len(server.manage("GET", "/devices")["devices"]) == len(DEVICES))
    server.release = fleet.upload(server)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def over_tls(server):
    """Another node, with TLS; its `context` is what its clients trust."""
    folder = server.fleet.folder / "tls"
    folder.mkdir()
    certificate(folder, "server")
    other = Server(folder, server.store, tls=f"certificate = {folder}/server.pem\nkey = {folder}/server.key",
                   extra=server.fleet.config(), operator=False)
    other.context = tls_context(folder, "server")
    other.start()
    wait_for(lambda: other.call("GET", "/readyz", context=other.context).status == 200)
    yield other
    other.stop()


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def device_of(server, number):
    return Device(server, DEVICES[number], token_of(DEVICES[number]))


def tell(device, slot, sequence=0, **more):
    """What the agent tells after each start."""
    data = {"slotseal.slot": slot, "slotseal.version": "0.9", "slotseal.state": "confirmed", "slotseal.cause": "none",
            "slotseal.epoch": "1" if sequence else "0", "slotseal.sequence": str(sequence), "slotseal.key_set": "1",
            "slotseal.secure_version": "0", "slotseal.bootloader": "0", **more}
    assert device.call("PUT", "/configData", {"mode": "merge", "data": data}).status == 200


def chunk_of(device, action):
    answer = device.get(f"/deploymentBase/{action}")
    assert answer.status == 200, answer.body
    (chunk,) = answer.json()["deployment"]["chunks"]
    return chunk, {m["key"]: m["value"] for m in chunk["metadata"]}


def test_an_update_is_sealed_for_the_other_slot(server):
    fleet = server.fleet
    device = device_of(server, 0)
    action = server.assign(device.name, server.release)
    assert set(device.links()) - {"freshness"} == {"configData"}  # it has not told which slot runs
    assert device.get(f"/deploymentBase/{action}").status == 404
    for slot, other, address in (("ota_0", "ota_1", "0x160000"), ("ota_1", "ota_0", "0x10000")):
        tell(device, slot)
        assert device.links()["deploymentBase"].startswith(f"/deploymentBase/{action}?c=")
        chunk, metadata = chunk_of(device, action)
        expected = fleet.sealed(device.name, other)
        assert (metadata["slotseal.slot"], metadata["slotseal.address"]) == (other, address)
        statement = base64.urlsafe_b64decode(metadata["slotseal.release"] + "==")
        assert statement == (fleet.folder / "app.release").read_bytes()
        (artifact,) = chunk["artifacts"]
        assert artifact["size"] == len(expected)
        assert artifact["hashes"] == {"sha256": hashlib.sha256(expected).hexdigest()}
        assert set(artifact["_links"]) == {"download-http"}
        path = artifact["_links"]["download-http"]["href"].split(device.base, 1)[1]
        whole = device.get(path)
        assert whole.body == expected
        for first, last in ((0, 0), (1, 15), (4095, 4097), (65535, 65536), (1, len(expected) - 2),
                            (len(expected) - 1, len(expected) - 1), (131071, 200001)):
            part = device.get(path, Range=f"bytes={first}-{last}", If_Range=whole.headers["ETag"])
            assert (part.status, part.body) == (206, expected[first : last + 1])
        assert device.get(path + ".MD5SUM").status == 404
        assert chunk_of(device, action) == (chunk, metadata)  # twice the same
    device.feedback(action, "closed", "success", "confirmed")
    assert server.manage("GET", f"/actions/{action}")["state"] == "finished"


def test_records_say_that_the_server_is_current(server):
    device = device_of(server, 1)
    wait_for(lambda: "freshness" in device.links())
    answer = device.get("/freshness")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/cose")
    record = server.fleet.folder / "record"
    record.write_bytes(answer.body)
    assert device.name in call_slotseal("statement", "show", record).stdout
    assert "freshness" not in device.links()


def test_an_older_delivery_key(server):
    """The device has had deliveries of a newer epoch: the sealer has an old key. That ends no action, and is said loudly."""
    device = device_of(server, 7)
    action = server.assign(device.name, server.release)
    tell(device, "ota_0", sequence=3, **{"slotseal.epoch": "2"})
    for _ in range(2):
        answer = device.get(f"/deploymentBase/{action}")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "60")
    lines = [line for line in server.log.read_text().splitlines() if "updates wait for the right delivery key" in line]
    assert len(lines) == 1 and "level=error" in lines[0], lines
    assert f"device {device.name} has got deliveries of epoch 2, the delivery key is of epoch 1" in lines[0]
    assert server.manage("GET", f"/actions/{action}")["state"] == "running"
    tell(device, "ota_0", sequence=3)
    assert chunk_of(device, action)[1]["slotseal.slot"] == "ota_1"


def test_key_sets_are_linked(server):
    """Devices learn of a newer key set than they told, and fetch it without showing their credential."""
    keys = server.fleet.keys
    device = device_of(server, 2)
    tell(device, "ota_0")
    publish = ("--server", f"http://127.0.0.1:{server.port}", "--token-file", server.folder / "tester.token")
    # The sealer has told the first one. Another one is not believed, however well its own roots have signed it.
    assert server.call("GET", "/DEFAULT/keyset/v1/lamp/after/0").body == (keys / "fleet.keys").read_bytes()
    for product in ("lamp", "sofa"):
        call_slotseal("keyset", "new", "--product", product, "--root-keys", keys / "upload.pub", "--threshold", 1,
                      "--release-keys", keys / "release.pub", "--delivery-keys", keys / "delivery.pub", "-o",
                      keys / f"{product}.unsigned")
        call_slotseal("keyset", "sign", keys / f"{product}.unsigned", "--key", keys / "upload.key", "-o",
                      keys / f"{product}.false")
        server.manage("POST", "/keysets", code=403, data=(keys / f"{product}.false").read_bytes(),
                      headers={"Content-Type": "application/cose"})
    assert server.call("GET", "/DEFAULT/keyset/v1/sofa/after/0").status == 404
    call_slotseal("keyset", "publish", keys / "fleet.keys", *publish)
    assert "keySet" not in device.links()
    call_slotseal("keyset", "new", "--from", keys / "fleet.keys", "-o", keys / "next.unsigned")
    call_slotseal("keyset", "sign", keys / "next.unsigned", "--key", keys / "root.key", "--in-force",
                  keys / "fleet.keys", "-o", keys / "next.keys")
    call_slotseal("keyset", "publish", keys / "next.keys", *publish)
    link = device.get().json()["_links"]["keySet"]["href"]
    assert link == "http://updates.test/DEFAULT/keyset/v1/lamp/after/1"
    answer = server.call("GET", "/DEFAULT/keyset/v1/lamp/after/1")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/cose")
    assert answer.body == (keys / "next.keys").read_bytes()
    assert server.call("GET", "/DEFAULT/keyset/v1/lamp/after/2").status == 404


def test_devices_are_kept_apart(server):
    one, two = device_of(server, 4), device_of(server, 5)
    paths = []
    for device in (one, two):
        tell(device, "ota_0")
        chunk, _ = chunk_of(device, server.assign(device.name, server.release))
        paths.append(chunk["artifacts"][0]["_links"]["download-http"]["href"].split("/controller/", 1)[1])
    bodies = [device.get(f"/softwaremodules/{server.release}/artifacts/ota_1.bin").body for device in (one, two)]
    assert bodies == [server.fleet.sealed(device.name, "ota_1") for device in (one, two)] and bodies[0] != bodies[1]
    head = {"Authorization": two.authorization}
    assert server.call("GET", f"/DEFAULT/controller/{paths[0]}", headers=head).status == 401
    for name in ("ota_0.bin", "ota_2.bin", "app.bin", "ota_1", "ota_1.bin.bin", f"{one.name}/ota_1.bin"):
        assert one.get(f"/softwaremodules/{server.release}/artifacts/{name}").status == 404


def downloads(server, action):
    """How many are in an action's history, where those of five seconds may be one entry: ["ota_1.bin", "3 times"]."""
    history = server.manage("GET", f"/actions/{action}/history")["history"]
    return sum(int((entry["messages"] + ["1 times"])[1].split()[0]) for entry in history if entry["state"] == "download")


def test_two_nodes_know_the_same(server):
    """A node that answers downloads from memory forgets them with the device's record: what one of them has ended is over
    there, and on the other one before a poll says so."""
    fleet, folder = server.fleet, server.fleet.folder / "second"
    folder.mkdir()
    other = Server(folder, server.store, extra=fleet.config(), operator=False).start()
    wait_for(lambda: other.call("GET", "/readyz").status == 200)
    here, there = device_of(server, 8), device_of(other, 8)
    tell(here, "ota_0")
    path = f"/softwaremodules/{server.release}/artifacts/ota_1.bin"
    expected = fleet.sealed(here.name, "ota_1")

    def cancel(action):
        server.manage("POST", f"/actions/{action}/cancel", {"force": True})

    def fail(action):
        here.feedback(action, "closed", "failure")

    for end in (cancel, fail, cancel, fail):
        action = server.assign(here.name, server.release)
        chunk_of(here, action)
        wait_for(lambda: "deploymentBase" in there.links())
        for node in (here, there) * 3:
            part = node.get(path, Range="bytes=4000-70000")
            assert (part.status, part.body) == (206, expected[4000:70001])
        assert there.get(path).body == expected
        end(action)
        assert here.get(path).status == 404
        wait_for(lambda: "deploymentBase" not in there.links())
        assert there.get(path).status == 404
        assert there.call("HEAD", path).status == 404
        history = server.manage("GET", f"/actions/{action}/history")["history"]
        assert [entry["state"] for entry in history].count("download") <= 1  # of the other node; it may have been late
    action = server.assign(here.name, server.release)
    chunk_of(here, action)
    for _ in range(3):
        assert here.get(path).body == expected
    wait_for(lambda: downloads(server, action) == 3)
    # What a device has half of goes on anywhere, also after a restart, of server and sealer.
    etag = here.call("HEAD", path).headers["ETag"]
    for restarted in (False, True):
        if restarted:
            other.stop()
            other.start()
            wait_for(lambda: other.call("GET", "/readyz").status == 200)
        rest = there.get(path, Range="bytes=100000-", If_Range=etag)
        assert (rest.status, rest.body, rest.headers["ETag"]) == (206, expected[100000:], etag)
        assert there.call("HEAD", path).headers["ETag"] == etag
        assert there.get(path, Range="bytes=100000-", If_Range=etag[:-2] + '!"').status == 200
    assert chunk_of(there, action) == chunk_of(here, action)
    other.stop()


def test_opaque_releases_never_reach_sealed_devices(server):
    release = server.opaque_release("gateway", "1", {"a.swu": b"plaintext"})
    server.manage("POST", f"/devices/{DEVICES[0]}/actions", {"release": release}, 403)
    server.manage("PUT", "/products/lamp", {"kind": "opaque"}, 403)
    server.manage("PUT", f"/devices/{DEVICES[0]}", {"product": "gateway", "any_certificate": True}, 403)
    other = server.device("other", "gateway")
    server.assign(other.name, release)
    assert other.get(f"/softwaremodules/{release}/artifacts/a.swu").body == b"plaintext"


def links(process):
    """What its file descriptors are; they come and go."""
    for fd in pathlib.Path(f"/proc/{process}/fd").iterdir():
        try:
            yield os.readlink(fd)
        except FileNotFoundError:
            pass


def processes(server):
    """As below, once both are there: the supervisor starts again what was killed."""
    for _ in range(200):
        try:
            return find_processes(server)
        except (FileNotFoundError, KeyError):
            time.sleep(0.05)
    return find_processes(server)


def find_processes(server):
    """Numbers of the running front and sealer, by what they are confined to: only the front listens."""
    (main,) = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    listens = {}
    while len(listens) < 2:  # one that was killed is about to be started again
        listens = {}
        tcp = {f"socket:[{line.split()[9]}]" for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
               if line.split()[3] == "0A"}
        for child in pathlib.Path(f"/proc/{main}/task/{main}/children").read_text().split():
            try:
                listens[not tcp.isdisjoint(links(child))] = int(child)
            except FileNotFoundError:
                pass
    return listens[True], listens[False]


def status_of(process, field):
    """KiB."""
    (line,) = [l for l in pathlib.Path(f"/proc/{process}/status").read_text().splitlines() if l.startswith(field + ":")]
    return int(line.split()[1])


@pytest.mark.skipif(b"__asan_init" in SLOTSEAL.read_bytes(), reason="sanitizers do not let memory be locked")
def test_keys_stay_in_memory(server):
    """Neither swapped out nor written to a core file; where the limit is too low for that, the log says so."""
    _, sealer = processes(server)
    for process in processes(server):
        limits = pathlib.Path(f"/proc/{process}/limits").read_text().splitlines()
        assert [line.split()[4:6] for line in limits if line.startswith("Max core file size")] == [["0", "0"]]
        assert pathlib.Path(f"/proc/{process}/environ").stat().st_uid == 0  # as of all that must not be dumped
    said = "may be swapped out" in server.log.read_text()
    assert said or status_of(sealer, "VmLck") > 11000  # the ciphers alone


@pytest.mark.skipif(b"__asan_init" in SLOTSEAL.read_bytes(), reason="sanitizers do not let memory be locked")
@pytest.mark.parametrize("most, said", [(4096, "memory not locked"), (8 << 20, "memory locked where keys are")])
def test_limits_of_locked_memory(fleet, most, said):
    """The limit is raised as far as it goes; where that is not enough, the log says so, once."""
    if 0 <= resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] < most:
        pytest.skip("less memory may be locked here")
    folder = fleet.folder / f"locked-{most}"
    folder.mkdir()
    server = Server(folder, f"sqlite:{folder}/server.db", extra=fleet.config() + "\nciphers = 1000", operator=False)

    def limit():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, most))
        if os.getuid() == 0:  # it may lock memory whatever the limit is: CAP_IPC_LOCK is taken away, from exec() on
            ctypes.CDLL(None).prctl(24, 14)  # PR_CAPBSET_DROP

    server.start(preexec=limit)
    wait_for(lambda: said in server.log.read_text())
    wait_for(lambda: server.call("GET", "/readyz").status == 200)
    if most == 4096:
        wait_for(lambda: 'level=warning message="keys or plaintext may be swapped out"' in server.log.read_text())
    else:
        assert status_of(processes(server)[1], "VmLck") > 2700
    server.stop()
    assert server.log.read_text().count("may be swapped out") == (most == 4096)


def memory_of(process):
    """Bytes of RAM, shared memory with ciphertext included."""
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))) * 1024


def idle_download(node, device, path):
    """A socket with a download of which next to nothing is taken."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384 if node.tls else 4096)  # a record has to fit
    sock.settimeout(20)
    sock.connect(("127.0.0.1", node.port))
    if node.tls:
        sock = node.context.wrap_socket(sock, server_hostname="127.0.0.1")
    sock.sendall(device.head(path, "GET", "Connection: close"))
    assert sock.recv(15) == b"HTTP/1.1 200 OK"
    return sock


def check_memory_of_downloads(node, front, devices, path, expected=None):
    """With four of each device, which take next to nothing of what there is. All that is @expected comes, nevertheless."""
    before = memory_of(front)
    sockets = [idle_download(node, device, path) for device in devices * 4]
    time.sleep(0.5)  # what is sealed or read ahead has come
    lines = node.call("GET", "/metrics", context=getattr(node, "context", None)).body.decode().splitlines()
    assert f"slotseal_downloads {len(sockets)}" in lines  # none is through
    taken = memory_of(front) - before
    print(f"{taken // len(sockets) // 1024} KiB a download")
    if b"__asan_init" not in SLOTSEAL.read_bytes():  # sanitizers take memory of their own
        assert taken < len(sockets) * 262144
    for device, sock in zip(devices if expected else (), sockets):
        assert read_all(sock).split(b"\r\n\r\n", 1)[1] == expected(device)
    for sock in sockets:
        sock.close()


SIX = range(6)  # devices that no other test has


def ready_devices(server):
    devices = [device_of(server, number) for number in SIX]
    for device in devices:
        tell(device, "ota_0")
        chunk_of(device, server.assign(device.name, server.release, code=None))
    return devices, f"/softwaremodules/{server.release}/artifacts/ota_1.bin"


@pytest.mark.parametrize("name", ["server", "over_tls"])
def test_downloads_take_a_fixed_amount_of_memory(request, server, name):
    """Whatever the image's size: what is sent next, what waits for it, and the connection; at most 256 KiB each."""
    node = request.getfixturevalue(name)
    front, _ = processes(node)
    check_memory_of_downloads(node, front, *ready_devices(server), lambda d: server.fleet.sealed(d.name, "ota_1"))
    stored = server.opaque_release("big", name, {"a.bin": os.urandom(8 << 20)})
    devices = [server.device(f"{name}-{number}", "big") for number in SIX]
    for device in devices:
        server.assign(device.name, stored)
    check_memory_of_downloads(node, front, devices, f"/softwaremodules/{stored}/artifacts/a.bin")


def test_ranges_over_tls(server, over_tls):
    """Records are sent several at a time: none stays behind, whatever the length."""
    (device, *_), path = ready_devices(server)
    whole = server.fleet.sealed(device.name, "ota_1")
    with over_tls.context.wrap_socket(over_tls.connect(), server_hostname="127.0.0.1") as tls:
        stream = tls.makefile("rb")
        for first in (0, 1, 16384, 81920):
            for count in (1, 16383, 16384, 16385, 65536, 81919, 81920, 81921, 163840, len(whole) - first):
                tls.sendall(device.head(path, "GET", f"Range: bytes={first}-{first + count - 1}"))
                assert read_answer(stream) == (206, whole[first:first + count])


def test_either_process_may_die(server):
    """kill -9 of front or sealer while devices download: they go on, and every byte is right."""
    device = device_of(server, 3)
    tell(device, "ota_0")
    action = server.assign(device.name, server.release, code=None)
    chunk_of(device, action)
    expected = server.fleet.sealed(device.name, "ota_1")
    path = f"/softwaremodules/{server.release}/artifacts/ota_1.bin"
    done = threading.Event()
    good, wrong = [], []

    def fetch():
        while not done.is_set():
            try:
                answer = device.get(path)
            except Exception:  # cut: a device comes again
                continue
            (good if answer.status == 200 and answer.body == expected else wrong).append(answer.status)

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for which in (1, 0, 1, 0):
        before = len(good)
        os.kill(processes(server)[which], signal.SIGKILL)
        wait_for(lambda: len(good) > before + 5)
    done.set()
    for thread in threads:
        thread.join()
    assert set(wrong) <= {503}
    device.feedback(action, "closed", "success", "confirmed")
    front, _ = processes(server)
    os.kill(front, signal.SIGKILL)
    wait_for(lambda: reachable(server))
    assert server.manage("GET", f"/actions/{action}")["state"] == "finished"


def test_a_stop_lets_sealed_downloads_finish(fleet):
    """The front ends first; the sealer seals for it until then, also when a terminal sends its Ctrl-C to all of them."""
    folder = fleet.folder / "stopped"
    folder.mkdir()
    server = Server(folder, f"sqlite:{folder}/server.db", extra=fleet.config()).start()
    wait_for(lambda: len(server.manage("GET", "/devices")["devices"]) == len(DEVICES))
    release = fleet.upload(server)
    device = device_of(server, 0)
    tell(device, "ota_0")
    chunk_of(device, server.assign(device.name, release))
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(device.head(f"/softwaremodules/{release}/artifacts/ota_1.bin"))
        data = sock.recv(1000)
        assert "slotseal_downloads 1\n" in server.call("GET", "/metrics").body.decode()
        for process in processes(server):
            os.kill(process, signal.SIGINT)
        server.signal(signal.SIGINT)
        time.sleep(0.5)
        data += read_all(sock)
    assert data.endswith(fleet.sealed(device.name, "ota_1"))
    assert server.process.wait(timeout=20) == 0
    log = server.log.read_text()
    assert log.index("front ended with status 0") < log.index("sealer ended with status 0")


@pytest.mark.parametrize("user", ["", "user = nobody"])
def test_both_end_with_their_supervisor(fleet, user):
    """kill -9 of the process that starts them: whoever starts the server again finds its port free."""
    if user and os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = fleet.folder / f"killed-{user[-6:]}"
    folder.mkdir()
    server = Server(folder, f"sqlite:{folder}/server.db", extra=f"{user}\n{fleet.config()}")
    if user:
        let_others_in(folder)
        for path in (folder, *folder.iterdir()):
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    server.start()
    both = processes(server)
    (supervisor,) = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    os.kill(int(supervisor), signal.SIGKILL)
    wait_for(lambda: all(ended(process) for process in both))
    server.start()
    wait_for(lambda: server.call("GET", "/readyz").status == 200)
    server.stop()


def ended(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def private_number(path):
    """The secret of a P-256 key, as hex digits."""
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    return f"{key.private_numbers().private_value:064x}"


def search(process, secrets):
    p = subprocess.run([BUILD / "tests/memory_search", str(process), *secrets], capture_output=True, timeout=60)
    assert p.returncode == 0, p.stderr.decode()
    return json.loads(p.stdout)


@pytest.mark.skipif(os.getuid() != 0 or "-fsanitize" in cache_text(), reason="memory of others; shadows of sanitizers")
def test_the_front_knows_nothing(server):
    """Under load, its whole memory has no key and no block of plaintext; the same search finds each in the sealer."""
    fleet = server.fleet
    device = device_of(server, 6)
    tell(device, "ota_1")
    action = server.assign(device.name, server.release)
    chunk_of(device, action)
    expected = fleet.sealed(device.name, "ota_0")
    held = [f"key-file={fleet.keys}/{device.name}.flash", f"key-file={fleet.keys}/vault.key"]
    held += [f"key={private_number(fleet.keys / name)}" for name in ("delivery.key", "upload.key")]
    foreign = [f"key-file={fleet.keys}/signing.key"]  # wraps signing keys, which a server never opens
    foreign += [f"key={private_number(fleet.keys / name)}" for name in ("release.key", "root.key")]
    plain = f"plain={fleet.folder}/app.bin"
    secrets = [*held, *foreign, *(f"key-file={fleet.keys}/{name}.flash" for name in DEVICES), plain]
    done = threading.Event()
    bodies = []

    def load():
        while not done.is_set():
            bodies.append(device.get(f"/softwaremodules/{server.release}/artifacts/ota_0.bin").body == expected)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(bodies) > 10)
    front, sealer = processes(server)
    in_front, in_sealer = search(front, secrets), search(sealer, [plain, *foreign])
    found = {secret: search(sealer, [secret])["keys"] for secret in held}
    before = len(bodies)
    wait_for(lambda: len(bodies) > before)
    done.set()
    for thread in threads:
        thread.join()
    assert all(bodies)
    assert (in_front["keys"], in_front["blocks"]) == (0, 0), in_front["where"]
    assert in_front["bytes"] > 10 << 20
    assert all(found.values()), found
    assert in_sealer["keys"] == 0 and in_sealer["blocks"] > 10000, in_sealer
    device.feedback(action, "closed", "success", "confirmed")


def start_sealer(config):
    return subprocess.Popen(["timeout", "--foreground", str(LIFE), SLOTSEAL, "sealer", "--config", config],
                            stderr=subprocess.PIPE, text=True, env=CONFINED)


class FleetWithOwnKeys(Fleet):
    """Secure boot V2, and each device trusts an RSA key of its own."""

    product, release = ("--secure-boot", "v2", "--per-device-sign-keys"), ("--secure-boot", "v2")

    def import_device(self, device):
        own = self.folder / "own"
        own.mkdir()
        (own / f"{device}_flash_key.bin").write_bytes((self.keys / f"{device}.flash").read_bytes())
        call_slotseal("key", "generate", "--type", "secure-boot-v2-rsa", "-o", own / f"{device}_signing_key.pem")
        call_slotseal("device", "import", "--product", "lamp", "--from", own, env=self.env)


def test_secure_boot_v2_with_a_key_for_each_device(tmp_path):
    name = "240ac4000041"
    fleet = FleetWithOwnKeys(tmp_path, random.Random("v2"), [name])
    folder = tmp_path / "front"
    server = Server(folder, f"sqlite:{folder}/server.db", extra=fleet.config()).start()
    wait_for(lambda: server.manage("GET", "/devices")["devices"])
    release = fleet.upload(server)
    device = Device(server, name, token_of(name))
    tell(device, "ota_0")
    action = server.assign(name, release)
    assert device.get(f"/deploymentBase/{action}").status == 503  # nobody has signed it for this device so far
    call_slotseal("release", "personalize", "lamp", VERSION, env=fleet.env)
    chunk, metadata = chunk_of(device, action)
    path = chunk["artifacts"][0]["_links"]["download-http"]["href"].split(device.base, 1)[1]
    (tmp_path / "got").write_bytes(device.get(path).body)
    call_slotseal("unseal", tmp_path / "got", "--table", TABLE, "--slot", "ota_1", "--flash-key",
                  fleet.keys / f"{name}.flash", "-o", tmp_path / "plain")
    call_slotseal("verify", "--key", tmp_path / "own" / f"{name}_signing_key.pem", tmp_path / "plain")
    image = (tmp_path / "app.bin").read_bytes()
    assert (tmp_path / "plain").read_bytes()[: len(image)] == image
    server.stop()


def test_a_sealer_elsewhere(fleet):
    """The sealer connects outward to the front, which has no vault; it is killed and comes back."""
    folder = fleet.folder / "elsewhere"
    folder.mkdir()
    certificate(folder, "internal", ca=True)
    for name in ("front", "sealer", "stranger"):
        certificate(folder, name, issuer=None if name == "stranger" else "internal")
        os.chmod(folder / f"{name}.key", 0o600)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]

    def ends(name):
        return f"certificate = {folder}/{name}.pem\nkey = {folder}/{name}.key\nca = {folder}/internal.pem"

    server = Server(folder, f"sqlite:{folder}/server.db",
                    extra=f"[sealer]\nlisten = 127.0.0.1:{port}\n{ends('front')}").start()
    assert server.call("GET", "/readyz").status == 503
    for name in ("stranger", "sealer"):
        (folder / f"{name}.conf").write_text(f"{fleet.config()}\nconnect = 127.0.0.1:{port}\n{ends(name)}\n")
    stranger = start_sealer(folder / "stranger.conf")  # who it is, another CA says
    for line in stranger.stderr:
        if "ended" in line:
            break
    assert server.call("GET", "/readyz").status == 503
    stranger.kill()
    sealer = start_sealer(folder / "sealer.conf")
    wait_for(lambda: server.call("GET", "/readyz").status == 200)
    wait_for(lambda: len(server.manage("GET", "/devices")["devices"]) == len(DEVICES))
    release = fleet.upload(server)
    device = device_of(server, 7)
    tell(device, "ota_0")
    chunk_of(device, server.assign(device.name, release))
    path = f"/softwaremodules/{release}/artifacts/ota_1.bin"
    expected = fleet.sealed(device.name, "ota_1")
    assert device.get(path).body == expected
    if b"__asan_init" not in SLOTSEAL.read_bytes():
        (front,) = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        check_memory_of_downloads(server, front, [device], path)
    bodies = []
    sealer.send_signal(signal.SIGTERM)
    sealer.wait()
    fetch = threading.Thread(target=lambda: bodies.append(device.get(path).body))
    fetch.start()  # waits for a sealer
    sealer = start_sealer(folder / "sealer.conf")
    fetch.join()
    assert bodies == [expected]
    sealer.send_signal(signal.SIGTERM)
    assert sealer.wait(20) == 0
    server.stop()


def reachable(server):
    try:
        return server.call("GET", "/healthz").status == 200
    except OSError:
        return False


def test_store_and_secrets_need_folders_of_their_own(fleet):
    server = Server(fleet.vault, f"sqlite:{fleet.vault}/server.db", extra=fleet.config())
    p = subprocess.run([SLOTSEAL, "serve", "--config", server.write_config()], capture_output=True, timeout=20)
    assert p.returncode == 1 and b"holds the store and secrets of the sealer, keep them apart" in p.stderr


def test_certificates_and_secrets_need_folders_of_their_own(tmp_path, fleet):
    """The front reads no folder that holds secrets, not even for the certificate that comes next."""
    certificate(fleet.keys, "front")
    tls = f"certificate = {fleet.keys}/front.pem\nkey = {fleet.keys}/front.key"
    server = Server(tmp_path, f"sqlite:{tmp_path}/server.db", tls=tls, extra=fleet.config())
    p = subprocess.run([SLOTSEAL, "serve", "--config", server.write_config()], capture_output=True, timeout=20)
    assert p.returncode == 1 and b"front.pem lies beside secrets of the sealer" in p.stderr
    # systemd's credentials lie in one folder, and nobody replaces them.
    server.start(CREDENTIALS_DIRECTORY=str(fleet.keys)).stop()
    certificate(tmp_path, "front")
    server.tls = tls.replace(str(fleet.keys), str(tmp_path))
    server.start().stop()
    assert "lies beside secrets" not in server.log.read_text()


def test_a_configuration_beside_secrets(tmp_path):
    fleet = Fleet(tmp_path, random.Random("beside"), ["240ac4000051"])
    folder = tmp_path / "front"
    server = Server(folder, f"sqlite:{folder}/server.db", extra=fleet.config())
    config = fleet.keys / "server.conf"
    server.write_config = lambda: config
    config.write_text(Server.write_config(server).read_text())
    server.start().stop()
    assert (f'level=warning message="the configuration lies beside secrets of the sealer: a file that replaces it is not '
            f'read" path={config}') in server.log.read_text()
