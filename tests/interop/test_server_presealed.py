# SPDX-License-Identifier: Apache-2.0
"""Updates that were sealed ahead: a server that has no vault, no sealer and no key hands them out."""
import hashlib
import json
import random

import pytest

from conftest import ONCE, call_slotseal
from test_server_sealed import Fleet, chunk_of, tell, token_of, wait_for
from update_server import Device, Server

pytestmark = ONCE

DEVICES = ["240ac4000011", "240ac4000012"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ahead")
    fleet = Fleet(folder, random.Random("ahead"), DEVICES)
    call_slotseal("release", "add", folder / "app.bin", "--release", folder / "app.release", env=fleet.env)
    (release,) = json.loads(call_slotseal("release", "list", "--json", env=fleet.env).stdout)["releases"]
    fleet.version = release["version"]
    fleet.preseal = lambda expires, *more: json.loads(
        call_slotseal("preseal", "lamp", fleet.version, "--delivery-key", fleet.keys / "delivery.key", "--key-set",
                      fleet.keys / "fleet.keys", "--expires", expires, "-o", folder / "presealed", "--json", *more,
                      env=fleet.env).stdout)
    made = fleet.preseal("2099-01-01")
    assert (made["devices"], made["deliveries"]) == (2, 4)
    # What goes to the server: its own folder, and what was sealed. The vault and the keys stay.
    front = folder / "front"
    server = Server(front, f"sqlite:{front}/server.db", 
                    extra=f"[presealed]\nfolder = {folder}/presealed\nkey_set = {fleet.keys}/fleet.keys").start()
    server.fleet = fleet
    wait_for(lambda: len(server.manage("GET", "/devices")["devices"]) == 2)
    wait_for(lambda: "pre-sealed files loaded" in server.log.read_text())
    yield server
    server.stop()


def operate(server, *args):
    return json.loads(call_slotseal(*args, "--json", "--server", f"http://127.0.0.1:{server.port}", "--token-file",
                                    server.folder / "tester.token").stdout)


def test_updates_that_were_sealed_ahead(server):
    fleet = server.fleet
    device, other = [Device(server, name, token_of(name)) for name in DEVICES]
    planned = operate(server, "device", "assign", device.name, fleet.version, "--dry-run")
    assert planned["release"]["version"] == fleet.version
    assert operate(server, "device", "history", device.name)["actions"] == []
    action = operate(server, "device", "assign", device.name, fleet.version)["id"]
    for slot, target, address in (("ota_0", "ota_1", "0x160000"), ("ota_1", "ota_0", "0x10000")):
        tell(device, slot)
        chunk, metadata = chunk_of(device, action)
        expected = fleet.sealed(device.name, target)
        assert (metadata["slotseal.slot"], metadata["slotseal.address"]) == (target, address)
        (artifact,) = chunk["artifacts"]
        assert artifact["hashes"] == {"sha256": hashlib.sha256(expected).hexdigest()}
        path = artifact["_links"]["download-http"]["href"].split(device.base, 1)[1]
        whole = device.get(path)
        assert whole.body == expected
        part = device.get(path, Range="bytes=65530-70000", If_Range=whole.headers["ETag"])
        assert (part.status, part.body) == (206, expected[65530:70001])
        assert other.get(path).status == 404
    device.feedback(action, "closed", "success", "confirmed")
    (done,) = operate(server, "device", "history", device.name)["actions"]
    assert (done["state"], done["history"][0]["messages"]) == ("finished", ["confirmed"])


def test_a_folder_that_is_replaced_while_it_is_served(server):
    """A later expiry: the same bytes, another statement; heard of without being told."""
    device = Device(server, DEVICES[1], token_of(DEVICES[1]))
    action = operate(server, "device", "assign", device.name, server.fleet.version)["id"]
    tell(device, "ota_0")
    chunk, metadata = chunk_of(device, action)
    server.fleet.preseal("2099-02-01")
    wait_for(lambda: chunk_of(device, action)[1]["slotseal.delivery"] != metadata["slotseal.delivery"])
    assert chunk_of(device, action)[0]["artifacts"][0]["hashes"] == chunk["artifacts"][0]["hashes"]
    assert operate(server, "device", "cancel", device.name)["state"] == "canceling"
    assert device.links().get("cancelAction") == f"/cancelAction/{action}"
    device.feedback(action, "closed", "success", "canceled", to="cancelAction")
    (row,) = [row for row in operate(server, "device", "list")["devices"] if row["id"] == device.name]
    assert (row["slot"], row["action"]) == ("ota_0", None)


def test_a_folder_that_is_named_when_it_starts(server, tmp_path):
    """`serve --presealed FOLDER`: the one of the configuration does not count."""
    again = Server(tmp_path, f"sqlite:{tmp_path}/server.db",
                   extra=f"[presealed]\nfolder = {tmp_path}/nothing\nkey_set = {server.fleet.keys}/fleet.keys")
    again.start("--presealed", server.fleet.folder / "presealed")
    wait_for(lambda: "pre-sealed files loaded" in again.log.read_text())
    device = Device(again, DEVICES[0], token_of(DEVICES[0]))
    tell(device, "ota_0")
    chunk_of(device, operate(again, "device", "assign", device.name, server.fleet.version)["id"])
    (release,) = again.manage("GET", "/releases")["releases"]
    assert device.get(f"/softwaremodules/{release['id']}/artifacts/ota_1.bin").body == server.fleet.sealed(device.name, "ota_1")
    again.stop()
