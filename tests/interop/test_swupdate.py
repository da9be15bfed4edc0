# SPDX-License-Identifier: Apache-2.0
"""Debian's swupdate, as it is, takes updates of an opaque product from the server."""
import hashlib
import os
import re
import select
import socket
import subprocess
import time

import pytest

from conftest import ONCE
from update_server import Relay, Server

pytestmark = ONCE

PAYLOAD = os.urandom(400_000)
GATEWAY_TOKEN = "a-token-of-all-gateways"


class FaultyLine(Relay):
    """Hands on what comes, but for one download that it cuts, damages, or lets drip from a place on."""

    def __init__(self, server):
        self.cut, self.damage, self.drip, self.requests = None, None, None, []
        self.passed = 0  # of the last download
        super().__init__(server)

    def carry(self, client):
        with client, socket.create_connection(("127.0.0.1", self.server.port)) as server:
            left = damage = drip = None
            passed = 0
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536 if drip is None else 4096)
                    if not data:
                        return
                    if ready is client:
                        head = data.split(b"\r\n\r\n")[0].decode("latin-1")
                        self.requests.append(head)
                        if re.match(r"GET \S+/artifacts/\S+\.swu ", head):
                            left, self.cut = self.cut, None
                            damage, self.damage = self.damage, None
                            drip, self.drip = self.drip, None
                            passed = 0
                        server.sendall(data)
                        continue
                    if damage is not None and passed <= damage < passed + len(data):
                        data = bytearray(data)
                        data[damage - passed] ^= 0x40
                    passed += len(data)
                    if left is not None and passed >= left:
                        client.sendall(data[:len(data) - (passed - left)])
                        return
                    client.sendall(data)
                    if drip is not None:
                        self.passed = passed
                        time.sleep(0.2 if passed > drip else 0)

    def downloads(self):
        return [head for head in self.requests if re.match(r"GET \S+/artifacts/\S+\.swu ", head)]


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A signed update for swupdate: one file that is written to the folder of the device."""
    folder = tmp_path_factory.mktemp("bundle")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=builder", "-addext",
            "extendedKeyUsage=emailProtection", "-keyout", folder / "key.pem", "-out", folder / "builder.pem")

    def make(name, target):
        work = folder / name
        work.mkdir()
        (work / "payload.bin").write_bytes(PAYLOAD)
        digest = hashlib.sha256(PAYLOAD).hexdigest()
        (work / "sw-description").write_text(
            'software = { version = "1.2.3"; hardware-compatibility: [ "1.0" ];\n'
            f'  files: ( {{ filename = "payload.bin"; type = "rawfile"; path = "{target}"; sha256 = "{digest}"; }} ); }}\n')
        openssl("cms", "-sign", "-in", work / "sw-description", "-out", work / "sw-description.sig", "-signer",
                folder / "builder.pem", "-inkey", folder / "key.pem", "-outform", "DER", "-nosmimecap", "-binary")
        names = b"sw-description\nsw-description.sig\npayload.bin\n"
        return subprocess.run(["cpio", "-o", "-H", "crc", "--quiet"], cwd=work, input=names, check=True,
                              capture_output=True).stdout

    return make, folder / "builder.pem"


class Gateway:
    """A device of an opaque product, with swupdate on it."""

    def __init__(self, folder, builder, server, relay, device):
        self.folder, self.relay, self.device, self.server = folder, relay, device, server
        self.installed = folder / "installed.bin"
        (folder / "run").mkdir()
        self.config = folder / "swupdate.cfg"
        self.config.write_text(
            f'globals : {{ verbose = true; loglevel = 5; public-key-file = "{builder}"; bootloader = "none"; }};\n'
            f'suricatta : {{ tenant = "DEFAULT"; id = "{device.name}"; url = "http://127.0.0.1:{relay.port}"; polldelay = 1;\n'
            f'  targettoken = "{device.token}"; retry = 5; retrywait = 1; }};\n'
            'identify : ( { name = "board"; value = "gateway"; } );\n')
        self.log = folder / "swupdate.log"
        self.process = None

    def start(self, suricatta=""):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["timeout", "120", "swupdate", "-f", self.config, "-H", "board:1.0", "-m", "-M", "-u", suricatta],
                stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(self.folder / "run"),
                                             "RUNTIME_DIRECTORY": str(self.folder / "run")})

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)

    def reboot(self, worked):
        """What swupdate is told after a reboot: the new software runs (2), or it did not come up (3)."""
        self.stop()
        self.start("-c 2" if worked else "-c 3")

    def until(self, condition, seconds=40):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, self.log.read_text()[-4000:]
            time.sleep(0.05)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def gateway(tmp_path, bundle):
    make, builder = bundle
    server = Server(tmp_path, f"sqlite:{tmp_path}/server.db")
    server.port = free_port()
    relay = FaultyLine(server)
    # Links lead to the relay, too. The poll that is asked for is the shortest one.
    server.url = f"http://127.0.0.1:{relay.port}"
    (tmp_path / "gateway.token").write_text(GATEWAY_TOKEN)
    server.extra = f"polling = 00:00:01\ngateway_token = {tmp_path}/gateway.token\nnew_devices = gateway"
    server.start()
    name = f"fw-{tmp_path.name}.swu"
    server.release = release = server.opaque_release("gateway", "1.2.3", {name: make(tmp_path.name, tmp_path / "installed.bin")})
    device = server.device("gateway-1", product="gateway")
    gateway = Gateway(tmp_path, builder, server, relay, device)
    gateway.action = server.assign(device.name, release)
    yield gateway
    gateway.process and gateway.stop()
    relay.stop()
    server.stop()


def state(gateway):
    return gateway.server.manage("GET", f"/actions/{gateway.action}")["state"]


def said(gateway):
    """All that the device said of its action, newest first."""
    listed = gateway.server.manage("GET", f"/actions/{gateway.action}/history")
    return [message for entry in listed["history"] for message in entry["messages"]]


def test_it_installs(gateway):
    gateway.start()
    gateway.until(gateway.installed.exists)
    gateway.until(lambda: gateway.installed.read_bytes() == PAYLOAD)
    assert state(gateway) == "running"
    gateway.reboot(worked=True)
    gateway.until(lambda: state(gateway) == "finished")
    assert any(head.startswith("PUT") and "/configData" in head for head in gateway.relay.requests)


def test_a_download_that_is_cut_goes_on(gateway):
    gateway.relay.cut = 150_000
    gateway.start()
    gateway.until(gateway.installed.exists)
    gateway.until(lambda: gateway.installed.read_bytes() == PAYLOAD)
    first, second = gateway.relay.downloads()[:2]
    assert "range:" not in first.lower()
    offset = int(re.search(r"(?i)range: bytes=(\d+)-", second)[1])
    assert 0 < offset < 150_000


def test_a_damaged_download_fails(gateway):
    gateway.relay.damage = 200_000
    gateway.start()
    gateway.until(lambda: state(gateway) == "error")
    assert any("hash" in message.lower() or "checksum" in message.lower() for message in said(gateway)), said(gateway)
    assert not gateway.installed.exists() or gateway.installed.read_bytes() != PAYLOAD


def test_a_cancellation_is_accepted(gateway):
    gateway.server.manage("POST", f"/actions/{gateway.action}/cancel", {})
    gateway.start()
    gateway.until(lambda: state(gateway) == "canceled")
    assert not gateway.installed.exists()
    assert not gateway.relay.downloads()


def test_a_cancellation_stops_a_download(gateway):
    gateway.relay.drip = 50_000
    gateway.start()
    gateway.until(lambda: gateway.relay.passed > 50_000)
    gateway.server.manage("POST", f"/actions/{gateway.action}/cancel", {})
    gateway.until(lambda: state(gateway) == "canceled")
    assert gateway.relay.passed < len(PAYLOAD)
    assert not gateway.installed.exists() or gateway.installed.read_bytes() != PAYLOAD


def test_new_software_that_does_not_come_up(gateway):
    gateway.start()
    gateway.until(gateway.installed.exists)
    gateway.until(lambda: gateway.installed.read_bytes() == PAYLOAD)
    gateway.reboot(worked=False)
    gateway.until(lambda: state(gateway) == "error")


def test_one_that_nobody_has_registered(gateway):
    """It comes with the gateway token, is a device from its first poll on, and tells about itself before it is given anything."""
    server = gateway.server
    config = gateway.config.read_text().replace('id = "gateway-1"', 'id = "gateway-2"')
    gateway.config.write_text(config.replace('targettoken = "token-of-gateway-1"', f'gatewaytoken = "{GATEWAY_TOKEN}"'))
    gateway.start()
    gateway.until(lambda: len(server.manage("GET", "/devices")["devices"]) == 2)
    gateway.until(lambda: server.manage("GET", "/devices/gateway-2/attributes")["attributes"] == {"board": "gateway"})
    gateway.action = server.assign("gateway-2", server.release)
    gateway.until(gateway.installed.exists)
    gateway.until(lambda: gateway.installed.read_bytes() == PAYLOAD)
    gateway.reboot(worked=True)
    gateway.until(lambda: state(gateway) == "finished")
