# SPDX-License-Identifier: Apache-2.0
"""What operators type, against a real server: opaque products, uploads that were cut, tokens that are void."""
import hashlib
import json
import random

import pytest

from conftest import call_slotseal
from update_server import Device, Server


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, f"sqlite:{tmp_path}/server.db").start()
    yield server
    server.stop()


def operate(server, *args, code=0):
    p = call_slotseal(*args, "--server", f"http://127.0.0.1:{server.port}", "--token-file",
                      server.folder / "tester.token", code=code)
    return p.stderr if code else json.loads(p.stdout) if "--json" in args else p.stdout


def test_an_opaque_product(server):
    files = {}
    for name, size in (("fw.swu", 3000000), ("app.cfg", 10)):
        files[name] = random.Random(name).randbytes(size)
        (server.folder / name).write_bytes(files[name])
    token = server.folder / "gateway.token"
    token.write_text("the-gateway-s-own-token\n")
    assert operate(server, "product", "opaque", "gateway") == "gateway is opaque\n"
    operate(server, "device", "register", "gw7", "--product", "gateway", "--token", token)
    upload = ("release", "upload", *(server.folder / name for name in files), "--opaque", "--product", "gateway",
              "--release-version", "2.1")
    # The first part came in with an earlier attempt.
    digest = hashlib.sha256(files["fw.swu"]).hexdigest()
    begun = server.manage("POST", "/uploads", {"kind": "opaque", "length": 3000000, "sha256": digest}, 201)
    server.manage("PUT", f"/uploads/{begun['id']}?offset=0", data=files["fw.swu"][:65536],
                  headers={"Content-Type": "application/octet-stream"})
    release = operate(server, *upload, "--json")
    assert (release["product"], release["version"], release["kind"]) == ("gateway", "2.1", "opaque")
    assert server.manage("GET", f"/uploads/{begun['id']}")["state"] == "accepted"
    assert "there is a release 2.1 of gateway already" in operate(server, *upload[:3], *upload[4:], code=1)
    (listed,) = operate(server, "release", "list", "--product", "gateway", "--json")["releases"]
    assert {**listed, "artifacts": release["artifacts"]} == release
    assert operate(server, "release", "list", "--product", "lamp") == ""
    head, line = operate(server, "release", "list").splitlines()
    assert head.split() == ["PRODUCT", "VERSION", "KIND", "STATE", "BYTES", "CREATED", "OPERATOR"]
    assert line.split()[:5] + line.split()[6:] == ["gateway", "2.1", "opaque", "ready", "-", "tester"]
    action = operate(server, "device", "assign", "gw7", "2.1", "--soft", "--json")["id"]
    assert "as was said before" in operate(server, "device", "assign", "gw7", "2.1")
    device = Device(server, "gw7", "the-gateway-s-own-token")
    deployment = device.get(f"/deploymentBase/{action}").json()["deployment"]
    assert deployment["update"] == "attempt"
    for artifact in deployment["chunks"][0]["artifacts"]:
        path = artifact["_links"]["download-http"]["href"].split(device.base, 1)[1]
        assert device.get(path).body == files[artifact["filename"]]
    device.feedback(action, "closed", "failure", "no room", "\x1b[31mred")
    text = operate(server, "device", "history", "gw7")
    assert "2.1, error, by tester" in text and "no room; ?[31mred" in text  # what devices say drives no terminal
    assert "nothing that could be cancelled" in operate(server, "device", "cancel", "gw7", code=1)
    assert "no release 9 of gateway" in operate(server, "device", "assign", "gw7", "9", "--dry-run", code=1)
    operate(server, "device", "assign", "gw7", "2.1", "--window", "23:30/01:15")
    text = operate(server, "device", "history", "gw7")
    assert "2.1, running, by tester, daily from 23:30 for 01:15" in text
    once = operate(server, "device", "assign", "gw7", "2.1", "--window", "2100-01-31T02:00:00Z/30:00", "--json")["id"]
    assert server.manage("GET", f"/actions/{once}")["window"] == {
        "start": 4105044000, "seconds": 108000, "daily": False}
    assert "from 2100-01-31T02:00:00Z for 30:00" in operate(server, "device", "history", "gw7")
    assert "over already" in operate(server, "device", "assign", "gw7", "2.1", "--window", "2020-01-31/01:00", code=1)
    operate(server, "device", "assign", "gw7", "2.1", "--download-only")
    assert "2.1, running, by tester, download only" in operate(server, "device", "history", "gw7")
    assert "no device gw8" in operate(server, "device", "show", "gw8", code=1)
    assert "gateway" in operate(server, "device", "show", "gw7")


def test_a_token_that_is_void(server):
    assert operate(server, "device", "list") == ""
    call_slotseal("operator", "remove", "tester", "--store", server.store)
    error = operate(server, "device", "list", code=1)
    assert "does not know this token" in error and "slotseal operator add" in error
    assert server.token not in error


def test_what_is_no_server(server):
    p = call_slotseal("device", "list", "--token-file", server.folder / "tester.token", code=1,
                      env={"SLOTSEAL_SERVER": f"http://127.0.0.1:{server.port}/healthz"})
    assert "slotseal: error: " in p.stderr
