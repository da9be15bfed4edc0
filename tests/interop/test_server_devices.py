# SPDX-License-Identifier: Apache-2.0
"""The real agent on a provisioned virtual chip, against the real server: there and back, on both stores, with tokens and
with certificates, through cut connections, and with updates that were sealed ahead."""
import json
import os
import select
import shutil
import socket
import ssl
import time

import pytest

from conftest import ONCE
from pull_bench import MAC, PRODUCT, TEMPLATE, WINDOW, Bench, Chip
from test_server_sealed import wait_for
from update_server import Postgres, Relay, Server, certificate

pytestmark = ONCE
SIZE = 8 * WINDOW
RELEASES = {"2.0.0": "ota_1", "3.0.0": "ota_0"}


class CutConnections(Relay):
    """Takes the place of the address that devices were provisioned with, and cuts connections after so many bytes."""

    def __init__(self, server, port):
        self.cuts, self.received = [], 0
        super().__init__(server, port)

    def carry(self, client):
        passed, limit = 0, None
        with client, socket.create_connection(("127.0.0.1", self.server.port)) as server:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    try:
                        data = ready.recv(16384)
                    except ConnectionResetError:
                        return
                    if not data:
                        return
                    if ready is client:
                        server.sendall(data)
                        continue
                    passed += len(data)
                    self.received += len(data)
                    # Only what is longer than any statement is a download.
                    if limit is None and passed > 40_000 and self.cuts:
                        limit = self.cuts.pop(0)
                    if limit is not None and passed > limit:
                        return
                    client.sendall(data)


class Fleet(Bench):
    """One provisioned device, two releases, and a real server where the scripted one was."""

    def __init__(self, folder):
        super().__init__(folder)
        self.server.stop()
        self.address = self.server.port
        certificate(folder, "upload")
        for name in ("upload.key", "delivery.pem"):
            folder.joinpath(name).chmod(0o600)
        self.images = {version: self.pinned(version, SIZE, seed=7) for version in RELEASES}
        for version, image in self.images.items():
            self.slotseal("release", "sign", image, "--key", "release.pem", "--product", PRODUCT, "--secure-boot", "v1",
                          "--verification-key", TEMPLATE, "-o", f"{version}.release")

    def sealer(self):
        return "\n".join(["[sealer]", f"vault = sqlite:{self.folder}/vault.db", f"vault_key = file:{self.folder}/vault.key",
                          f"delivery_key = {self.folder}/delivery.pem", f"upload_key = {self.folder}/upload.key",
                          f"key_set = {self.folder}/first.keys"])

    def serve(self, name, store=None, more="", extra=None):
        front = self.folder / name
        front.mkdir()
        key, pem = (shutil.copy(path, front) for path in self.certificate)  # not beside the sealer's secrets
        server = Server(front, store or f"sqlite:{front}/server.db", tls=f"certificate = {pem}\nkey = {key}\n{more}",
                        extra=self.sealer() if extra is None else extra)
        server.url = f"https://localhost:{self.address}"
        server.start()
        server.relay = CutConnections(server, self.address)
        server.fleet = self
        return server

    def operate(self, server, *args):
        done = self.slotseal(*args, "--json", "--server", f"https://localhost:{server.port}", "--token-file",
                             server.folder / "tester.token", "--server-ca", self.authority.pem)
        return json.loads(done.stdout)

    def release(self, server):
        """Uploads both and signs them for the device."""
        for version, image in self.images.items():
            self.operate(server, "release", "upload", image, "--release", f"{version}.release", "--upload-key",
                         "upload.pem")
            self.slotseal("release", "personalize", PRODUCT, version)


def end(server):
    server.relay.stop()
    server.stop()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    return Fleet(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request):
    """None: SQLite."""
    return request.getfixturevalue("postgres").new_database() if request.param == "postgres" else None


@pytest.fixture
def server(request, fleet, store):
    server = fleet.serve(f"front-{request.node.name.replace('[', '-').rstrip(']')}", store)
    fleet.release(server)
    yield server
    end(server)


def chip_of(fleet, folder):
    shutil.copytree(fleet.folder / "chip", folder, ignore=shutil.ignore_patterns("*.sock", "control*"))
    return Chip(fleet, folder)


def update(fleet, server, chip, version):
    """Assigns a release and lets the device take it; what the server has of it."""
    action = fleet.operate(server, "device", "assign", MAC, version)["id"]
    chip.run().runs(version, RELEASES[version])
    done = server_action(fleet, server, action)
    assert done["state"] == "finished", done
    # A fetch of the whole file is an entry, too.
    said = [entry["messages"][0] for entry in reversed(done["history"]) if entry["messages"]]
    return [word for word in said if not word.endswith(".bin")]


def server_action(fleet, server, action):
    (found,) = [a for a in fleet.operate(server, "device", "history", MAC)["actions"] if a["id"] == action]
    return found


def start(fleet, tmp_path):
    """The chip as it was provisioned, and a server that has heard of it once."""
    chip = chip_of(fleet, tmp_path / "chip")
    chip.run(until="idle").runs("1.0.0", "ota_0")
    return chip


def test_there_and_back(fleet, server, tmp_path):
    chip = start(fleet, tmp_path)
    for version in RELEASES:
        assert update(fleet, server, chip, version) == ["accepted", "selected", "confirmed"]
    (row,) = fleet.operate(server, "device", "list")["devices"]
    assert (row["slot"], row["version"], row["action"]) == ("ota_0", "3.0.0", None)


def test_connections_that_are_cut(fleet, server, tmp_path):
    chip = start(fleet, tmp_path)
    server.relay.cuts = [90_000, 50_000, 170_000]
    before = server.relay.received
    assert update(fleet, server, chip, "2.0.0") == ["accepted", "selected", "confirmed"]
    assert server.relay.cuts == []
    length = len((fleet.folder / fleet.images["2.0.0"]).read_bytes())
    # A window at most comes twice for each cut; the rest is headers, statements and TLS.
    assert length < server.relay.received - before < length + 3 * (WINDOW + 16384) + 40_000


def test_a_device_that_loses_power_meanwhile(fleet, server, tmp_path):
    chip = start(fleet, tmp_path)
    action = fleet.operate(server, "device", "assign", MAC, "2.0.0")["id"]
    fleet.slotseal("chip", "cut", chip.folder, "--after", "120", "--cut", "during", code=None)
    chip.run().runs("2.0.0", "ota_1")
    assert server_action(fleet, server, action)["state"] == "finished"


def words(action):
    return [entry["messages"][0] for entry in reversed(action["history"])
            if entry["messages"] and entry["state"] in ("running", "downloaded")]


def test_updates_that_are_downloaded_ahead(fleet, server, tmp_path):
    """Only downloaded, then assigned: not a window of it comes twice. Then one whose window is half a day away."""
    chip = start(fleet, tmp_path)
    action = fleet.operate(server, "device", "assign", MAC, "2.0.0", "--download-only")["id"]
    chip.run(until="idle").runs("1.0.0", "ota_0")
    done = server_action(fleet, server, action)
    assert (done["state"], words(done)) == ("downloaded", ["accepted", "downloaded"])
    before = server.relay.received
    assert update(fleet, server, chip, "2.0.0") == ["accepted", "selected", "confirmed"]
    assert server.relay.received - before < WINDOW
    hour = (time.gmtime().tm_hour + 12) % 24
    action = fleet.operate(server, "device", "assign", MAC, "3.0.0", "--window", f"{hour:02}:00/00:30")["id"]
    chip.run(until="idle").runs("2.0.0", "ota_1")
    waits = server_action(fleet, server, action)
    assert (waits["state"], waits["last"], words(waits)) == ("running", "downloaded", ["accepted", "downloaded"])
    assert update(fleet, server, chip, "3.0.0") == ["accepted", "selected", "confirmed"]


class CertificateFleet(Fleet):
    def provision(self):
        key, pem = self.authority.certificate(MAC, "extendedKeyUsage=clientAuth")
        os.chmod(key, 0o600)
        self.CREDENTIAL = ("--client-key", key, "--client-cert", pem)
        super().provision()


def test_client_certificates(tmp_path, postgres):
    """On PostgreSQL; test_server_run.py has who is let in by what on SQLite."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    fleet = CertificateFleet(folder)
    client_ca = tmp_path / "ca" / "client.pem"
    client_ca.parent.mkdir()
    shutil.copy(fleet.authority.pem, client_ca)
    server = fleet.serve("front", postgres.new_database(), more=f"client_ca = {client_ca}\nclient_certificates = accepted")
    fleet.release(server)
    chip = start(fleet, tmp_path)
    for version in RELEASES:
        assert update(fleet, server, chip, version) == ["accepted", "selected", "confirmed"]
    end(server)


def test_updates_that_were_sealed_ahead(fleet, tmp_path, store):
    """The server has no sealer; what it hands out was made where the vault is, one release after the other."""
    def preseal(version):
        # Other tests may have put the release into the vault already.
        fleet.slotseal("release", "add", fleet.images[version], "--release", f"{version}.release", code=None)
        fleet.slotseal("release", "personalize", PRODUCT, version)
        fleet.slotseal("preseal", PRODUCT, version, "--delivery-key", "delivery.pem", "--key-set", "first.keys",
                       "--expires", "2099-01-01", "-o", tmp_path / "presealed")

    def known(version):
        return version in [r["version"] for r in server.manage("GET", "/releases", context=context)["releases"]]

    preseal("2.0.0")
    server = fleet.serve("front-postgres" if store else "front-sqlite", store,
                         extra=f"[presealed]\nfolder = {tmp_path}/presealed\nkey_set = {fleet.folder}/first.keys")
    context = ssl.create_default_context(cafile=fleet.authority.pem)
    context.check_hostname = False  # the tests call it by its address
    chip = start(fleet, tmp_path)
    for version in RELEASES:
        preseal(version)
        wait_for(lambda: known(version))
        assert update(fleet, server, chip, version) == ["accepted", "selected", "confirmed"]
    end(server)
