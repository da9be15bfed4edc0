# SPDX-License-Identifier: Apache-2.0
"""The update server over HTTP, on both stores: every status of the DDI, and clients that behave badly."""
import contextlib
import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

from conftest import ONCE
from update_server import Device, Postgres, Server, read_all, read_answer

pytestmark = ONCE

FIRMWARE = bytes(range(256)) * 1000 + b"the end"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    store = f"sqlite:{folder}/server.db"
    if request.param == "postgres":
        store = request.getfixturevalue("postgres").new_database()
    server = Server(folder, store).start()
    server.release = server.opaque_release("lamp", "1.0", {"app.bin": FIRMWARE, "other.bin": b"x"})
    yield server
    server.stop()


@pytest.fixture
def device(server, request):
    return server.device(f"{abs(hash(request.node.name)):x}"[:12] + f"-{time.time_ns() % 10**9}")


def error_of(answer, status):
    assert answer.status == status, answer.body
    error = answer.json()
    assert set(error) == {"exceptionClass", "errorCode", "message"}
    assert error["errorCode"].startswith("hawkbit.server.error.")
    return error


def eventually(condition):
    for _ in range(100):
        if condition():
            return
        time.sleep(0.05)
    assert condition()


# Polling


def test_a_poll_has_links_etag_and_time(server, device):
    answer = device.get()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/hal+json"
    sleep = answer.json()["config"]["polling"]["sleep"]
    hours, minutes, seconds = map(int, sleep.split(":"))
    assert 270 <= hours * 3600 + minutes * 60 + seconds <= 330
    assert answer.json()["_links"] == {
        "configData": {"href": f"http://updates.test{device.base}/configData"}}
    etag = answer.headers["ETag"]
    again = device.get(If_None_Match=etag)
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert device.get(If_None_Match=f'"other", W/{etag}').status == 304
    assert device.get(If_None_Match='"other"').status == 200
    server.assign(device.name, server.release)
    changed = device.get(If_None_Match=etag)
    assert changed.status == 200 and changed.headers["ETag"] != etag


def test_polls_are_seen_and_not_written(server, device):
    def commits():
        (line,) = [line for line in server.call("GET", "/metrics").body.decode().splitlines()
                   if line.startswith("slotseal_store_commits_total ")]
        return int(line.split()[1])

    def seen():
        return server.manage("GET", f"/devices/{device.name}")["seen"]

    assert not seen()
    begun = int(time.time())
    device.get()
    first = seen()
    assert begun <= first <= time.time()
    before = commits()
    while time.time() < first + 1.1:
        assert device.get().status == 200
    assert first < seen() <= time.time()
    assert commits() - before <= 1  # what many polls of all devices have left, once a minute


def test_polls_spread(server):
    names = {server.device(f"spread-{i}").get().json()["config"]["polling"]["sleep"] for i in range(8)}
    assert len(names) > 3


def test_the_tenant_is_taken_in_any_case(server, device):
    path = device.base.replace("DEFAULT", "default")
    assert server.call("GET", path, headers={"Authorization": device.authorization}).status == 200
    assert server.call("GET", device.base.replace("DEFAULT", "OTHER"),
                       headers={"Authorization": device.authorization}).status == 404


def test_accept(device):
    assert device.get(Accept="application/json").headers["Content-Type"] == "application/json"
    assert device.get(Accept="text/html, */*;q=0.1").headers["Content-Type"] == "application/hal+json"
    error_of(device.get(Accept="text/html"), 406)
    for accept in ("text/html,application/hal+json", ", ,\tAPPLICATION/*;q=0.1", "a/b;q=1 , application/json;v=2"):
        assert device.get(Accept=accept).status == 200, accept
    for accept in ("application/js", "application/jsonx", "text/html;application/json", "*", ","):
        assert device.get(Accept=accept).status == 406, accept


def test_other_methods_are_405(server, device):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = device.call(method, "", {} if method in ("POST", "PUT") else None)
        assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"
    assert device.call("HEAD").status == 200
    assert device.call("GET", "/configData").status == 405
    assert device.call("GET", "/deploymentBase/1/feedback").headers["Allow"] == "POST"


# Credentials


def test_wrong_credentials_are_401(server, device):
    for value in (None, "TargetToken wrong", "TargetToken", "Basic dTpw", f"GatewayToken {device.token}",
                  f"Bearer {server.token}", f"TargetToken {device.token}x", f"TargetToken {device.token[:-1]}"):
        answer = device.get(Authorization=value)
        error_of(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "TargetToken"
    other = server.device("somebody-else")
    error_of(other.get(Authorization=device.authorization), 401)
    unknown = device.base.replace(device.name, "nobody-knows")
    assert server.call("GET", unknown, headers={"Authorization": device.authorization}).status == 401
    assert device.get(X_Controller_Id=device.name, Authorization=None).status == 401


def test_ids(server, device):
    head = {"Authorization": device.authorization}
    prefix = "/DEFAULT/controller/v1/"
    assert server.call("GET", prefix + "x" * 257, headers=head).status == 400
    assert server.call("GET", prefix + "x" * 256, headers=head).status == 401
    for name in ("..", ".", "%2e%2e", device.name + "%00", device.name + "%20", "a%2fb", "caf%C3%A9", "a;b"):
        assert server.call("GET", prefix + name, headers=head).status == 401


def test_a_device_that_is_not_active_is_401(server, device):
    digest = hashlib.sha256(device.token.encode()).hexdigest()
    assert device.get().status == 200
    server.manage("PUT", f"/devices/{device.name}", {"product": "lamp", "token_sha256": digest, "active": False})
    assert device.get().status == 401
    server.manage("PUT", f"/devices/{device.name}", {"product": "lamp", "token_sha256": digest})
    assert device.get().status == 200
    server.manage("PUT", f"/devices/{device.name}", {"product": "lamp"})
    assert device.get().status == 401


# configData


def test_config_data(server, device):
    def put(value, **headers):
        return device.call("PUT", "/configData", value, headers).status

    assert put({"data": {"a": "1", "b": "2"}, "id": "", "time": "20261122T051004"}) == 200
    assert "configData" not in device.links()
    assert put({"mode": "merge", "data": {"b": "3", "n": 7, "t": True}}) == 200
    attributes = server.manage("GET", f"/devices/{device.name}/attributes")["attributes"]
    assert attributes == {"a": "1", "b": "3", "n": "7", "t": "true"}
    assert put({"mode": "remove", "data": {"a": "", "n": None, "t": None}}) == 200
    assert put({"mode": "replace", "data": {"c": "4"}}) == 200
    assert server.manage("GET", f"/devices/{device.name}/attributes")["attributes"] == {"c": "4"}
    for value in ({}, {"data": {}}, {"data": []}, {"data": {"a": ["b"]}}, {"mode": "add", "data": {"a": "b"}},
                  {"mode": 1, "data": {"a": "b"}}, {"data": {"k" * 129: "v"}}, {"data": {"k": "v" * 129}},
                  {"data": {"k": "a\u0007b"}}, {"data": {"": "v"}}):
        assert put(value) == 400, value
    assert put({"data": {"a": "b"}}, **{"Content-Type": "text/plain"}) == 415
    assert put({"data": {f"k{i}": "v" for i in range(100)}}) == 429
    assert put({"mode": "replace", "data": {f"k{i}": "v" for i in range(100)}}) == 200
    server.manage("POST", f"/devices/{device.name}/attributes", {})
    assert device.links()["configData"] == "/configData"


def test_bodies_that_are_no_json(device):
    for body in ("", "{", "[]", "null", '{"data":{"a":"b"}}x', '{"data":{"a":"b","a":"c"}}', "\xff",
                 '{"data":' * 3000, '{"data":{"a":1e999}}', '{"data":{"a":"\\u0000"}}'):
        answer = device.call("PUT", "/configData", headers={"Content-Type": "application/json"},
                             data=body.encode("latin-1"))
        assert answer.status == 400, (body[:40], answer.body)


# deploymentBase


def test_histories(server, device):
    """For whom has none of its own: of what is to come, of what is there."""
    action = server.assign(device.name, server.release, confirm=True)
    device.call("POST", f"/confirmationBase/{action}/feedback", {"confirmation": "denied", "details": ["not now"]})
    history = device.get(f"/confirmationBase/{action}?c=1&actionHistory=5").json()["actionHistory"]
    assert history == {"status": "WAIT_FOR_CONFIRMATION", "messages": ["not now"]}
    device.call("POST", f"/confirmationBase/{action}/feedback", {"confirmation": "confirmed"})
    for i in range(110):
        device.feedback(action, "proceeding", "none", f"step {i}")
    device.feedback(action, "closed", "success", "done")
    for count, expected in ((-1, 100), (1000, 100), (2, 2)):
        history = device.get(f"/installedBase/{action}?actionHistory={count}").json()["actionHistory"]
        assert history["status"] == "FINISHED" and len(history["messages"]) == expected
        assert history["messages"][:2] == ["done", "step 109"]
    assert "actionHistory" not in device.get(f"/installedBase/{action}?actionHistory=0").json()


def test_deployment(server, device):
    action = server.assign(device.name, server.release)
    link = device.links()["deploymentBase"]
    assert link.startswith(f"/deploymentBase/{action}?c=")
    first = device.get(link)
    assert first.status == 200
    assert device.get(link).body == first.body
    body = first.json()
    base = f"http://updates.test{device.base}/softwaremodules/{server.release}/artifacts/"
    assert body["id"] == str(action)
    assert body["deployment"]["download"] == body["deployment"]["update"] == "forced"
    assert "actionHistory" not in body and "maintenanceWindow" not in body["deployment"]
    (chunk,) = body["deployment"]["chunks"]
    assert (chunk["part"], chunk["version"], chunk["name"]) == ("os", "1.0", "lamp")
    assert chunk["artifacts"][0] == {
        "filename": "app.bin", "size": len(FIRMWARE),
        "hashes": {"sha1": hashlib.sha1(FIRMWARE).hexdigest(), "md5": hashlib.md5(FIRMWARE).hexdigest(),
                   "sha256": hashlib.sha256(FIRMWARE).hexdigest()},
        "_links": {"download-http": {"href": base + "app.bin"}, "md5sum-http": {"href": base + "app.bin.MD5SUM"}}}
    eventually(lambda: server.manage("GET", f"/actions/{action}")["retrieved"])  # noted without waiting for it
    history = device.get(f"/deploymentBase/{action}?actionHistory=-1").json()["actionHistory"]
    assert history["status"] == "RETRIEVED" and isinstance(history["messages"], list)
    assert device.get(f"/deploymentBase/{action}?actionHistory=x").status == 400
    error_of(device.get(f"/deploymentBase/{action}", Accept="image/png"), 406)


def test_soft_actions_are_attempts(server, device):
    before = server.assign(device.name, server.release, forced=False)
    assert device.get(f"/deploymentBase/{before}").json()["deployment"]["update"] == "attempt"


def sql(store, statement):
    """Says something to the server's database behind its back."""
    if store.startswith("sqlite:"):
        with contextlib.closing(sqlite3.connect(store[len("sqlite:"):], timeout=10)) as db, db:
            db.execute(statement)
    else:
        subprocess.run(["psql", "-q", store, "-c", f"SET search_path TO slotseal_server; {statement}"], check=True)


def orders(device, action):
    deployment = device.get(f"/deploymentBase/{action}").json()["deployment"]
    return deployment["download"], deployment["update"], deployment.get("maintenanceWindow")


def test_download_only(server, device):
    action = server.assign(device.name, server.release, forced=False, download_only=True)
    assert orders(device, action) == ("forced", "skip", None)
    assert server.manage("GET", f"/actions/{action}")["download_only"] is True
    assert device.get(f"/softwaremodules/{server.release}/artifacts/app.bin").status == 200
    device.feedback(action, "proceeding", "none")
    device.feedback(action, "downloaded", "none", "downloaded")
    found = server.manage("GET", f"/actions/{action}")
    assert (found["state"], found["last"], found["active"]) == ("downloaded", "downloaded", False)
    assert not {"deploymentBase", "installedBase"} & set(device.links())
    error_of(device.feedback(action, "downloaded", "none", code=410), 410)
    again = server.assign(device.name, server.release)
    assert again != action and orders(device, again) == ("forced", "forced", None)


def test_maintenance_windows(server, device):
    """Downloaded at once, installed while a window is open; the poll changes with it."""
    now = int(time.time())
    far = {"start": (now + 12 * 3600) % 86400, "seconds": 600, "daily": True}
    action = server.assign(device.name, server.release, window=far, forced=False)
    assert server.assign(device.name, server.release, window=far, code=200) == action
    assert server.manage("GET", f"/actions/{action}")["window"] == far
    assert orders(device, action) == ("attempt", "skip", "unavailable")
    server.manage("POST", f"/actions/{action}/cancel", {"force": True})
    soon = {"start": now + 4, "seconds": 60}
    action = server.assign(device.name, server.release, window=soon)
    closed = device.get()
    assert closed.json()["config"]["polling"]["sleep"] == "00:00:30"
    assert orders(device, action) == ("forced", "skip", "unavailable")
    while time.time() < now + 4:
        time.sleep(0.1)
    opened = device.get(If_None_Match=closed.headers["ETag"])
    assert opened.status == 200
    assert opened.json()["_links"]["deploymentBase"] != closed.json()["_links"]["deploymentBase"]
    assert orders(device, action) == ("forced", "forced", "available")


def test_a_window_that_was_not_used_cancels(server, device):
    """The store would not take one that is over, and none is shorter than a minute: it is moved into the past."""
    action = server.assign(device.name, server.release, window={"start": int(time.time()), "seconds": 60})
    sql(server.store, f"UPDATE actions SET window_start = window_start - 60 WHERE id = {action}")
    error_of(device.get(f"/deploymentBase/{action}"), 404)
    assert device.links()["cancelAction"] == f"/cancelAction/{action}"
    history = server.manage("GET", f"/actions/{action}/history")["history"]
    assert history[0]["messages"] == ["cancelled by maintenance-window"]
    device.feedback(action, "closed", "success", to="cancelAction")
    assert server.manage("GET", f"/actions/{action}")["state"] == "canceled"


def test_a_window_that_was_not_used_cancels_once(server, device):
    """A device that goes on asking for what it refuses to stop would write history without end."""
    action = server.assign(device.name, server.release, window={"start": int(time.time()), "seconds": 60})
    sql(server.store, f"UPDATE actions SET window_start = window_start - 60 WHERE id = {action}")
    error_of(device.get(f"/deploymentBase/{action}"), 404)
    device.feedback(action, "rejected", "none", to="cancelAction")
    error_of(device.get(f"/deploymentBase/{action}"), 404)
    ended = server.manage("GET", f"/actions/{action}")
    assert (ended["state"], ended["active"]) == ("canceled", False)
    length = len(server.manage("GET", f"/actions/{action}/history")["history"])
    error_of(device.get(f"/deploymentBase/{action}"), 404)
    assert len(server.manage("GET", f"/actions/{action}/history")["history"]) == length


def test_windows_that_are_none(server, device):
    now = int(time.time())
    for window in ({}, [], "02:00", {"start": 0}, {"start": 0, "seconds": 59, "daily": True},
                   {"start": 86400, "seconds": 60, "daily": True}, {"start": 0, "seconds": 86401, "daily": True},
                   {"start": now - 60, "seconds": 60}, {"start": now, "seconds": 2592001}, {"start": -1, "seconds": 60},
                   {"start": now, "seconds": 60, "weekly": True}, {"start": now, "seconds": 1 << 40}):
        server.manage("POST", f"/devices/{device.name}/actions", {"version": "1.0", "window": window}, 400)
    server.manage("POST", f"/devices/{device.name}/actions",
                  {"version": "1.0", "download_only": True, "window": {"start": now, "seconds": 60}}, 400)
    assert server.manage("GET", f"/devices/{device.name}/actions")["actions"] == []


def test_actions_of_others_do_not_exist(server, device):
    other = server.device("other-device")
    action = server.assign(other.name, server.release)
    for path in (f"/deploymentBase/{action}", f"/cancelAction/{action}", f"/installedBase/{action}",
                 f"/confirmationBase/{action}", "/deploymentBase/999999", "/deploymentBase/0", "/deploymentBase/-1",
                 "/deploymentBase/x", "/deploymentBase/99999999999999999999", "/deploymentBase/1%20"):
        error_of(device.get(path), 404)
    for to in ("deploymentBase", "cancelAction", "confirmationBase"):
        body = {"confirmation": "confirmed"} if to == "confirmationBase" else {
            "status": {"execution": "closed", "result": {"finished": "success"}}}
        error_of(device.call("POST", f"/{to}/{action}/feedback", body), 404)
    assert server.manage("GET", f"/actions/{action}")["state"] == "running"


# Feedback


def test_feedback_finishes_an_action(server, device):
    action = server.assign(device.name, server.release)
    device.feedback(action, "proceeding", "none", "accepted")
    device.feedback(action, "downloaded", "none", "selected", code=200)
    assert server.manage("GET", f"/actions/{action}")["last"] == "downloaded"
    device.call("POST", f"/deploymentBase/{action}/feedback", {
        "id": action, "time": "20261122T051004", "status": {
            "execution": "download", "code": -5, "result": {"finished": "none", "progress": {"cnt": 2, "of": 5}}}})
    device.feedback(action, "closed", "success", "confirmed")
    assert server.manage("GET", f"/actions/{action}")["state"] == "finished"
    assert device.links()["installedBase"] == f"/installedBase/{action}"
    assert device.get(f"/installedBase/{action}").json()["deployment"]["chunks"][0]["version"] == "1.0"
    error_of(device.feedback(action, "closed", "success", code=410), 410)
    error_of(device.get(f"/deploymentBase/{action}"), 404)
    history = server.manage("GET", f"/actions/{action}/history")["history"]
    assert [entry["state"] for entry in history][:4] == ["finished", "download", "downloaded", "running"]
    assert (history[1]["code"], history[1]["progress"]) == (-5, {"count": 2, "of": 5})
    assert history[0]["messages"] == ["confirmed"]


def test_feedback_fails_an_action(server, device):
    action = server.assign(device.name, server.release)
    device.feedback(action, "closed", "failure", "image", "checksum differs")
    assert server.manage("GET", f"/actions/{action}")["state"] == "error"
    assert "installedBase" not in device.links()


def test_feedback_that_is_wrong_is_400(server, device):
    action = server.assign(device.name, server.release)
    good = {"execution": "closed", "result": {"finished": "success"}}
    for status in (None, {}, [], {"execution": "closed"}, {"result": {"finished": "none"}}, {**good, "execution": "x"},
                   {**good, "execution": 1}, {**good, "result": {}}, {**good, "result": {"finished": "maybe"}},
                   {**good, "code": "x"}, {**good, "code": 1 << 40}, {**good, "details": "x"},
                   {**good, "details": [1]}, {**good, "result": {"finished": "none", "progress": {"cnt": -1}}}):
        answer = device.call("POST", f"/deploymentBase/{action}/feedback", {"status": status})
        error_of(answer, 400)
    answer = device.call("POST", f"/deploymentBase/{action}/feedback", {"status": good},
                         {"Content-Type": "application/x-www-form-urlencoded"})
    error_of(answer, 415)
    assert server.manage("GET", f"/actions/{action}")["state"] == "running"


@pytest.mark.parametrize("resource", ["deploymentBase", "cancelAction", "confirmationBase"])
def test_errors_of_feedback(server, device, resource):
    action = server.assign(device.name, server.release, confirm=resource == "confirmationBase")
    if resource == "cancelAction":
        server.manage("POST", f"/actions/{action}/cancel", {})

    def post(number, value=None, **headers):
        return device.call("POST", f"/{resource}/{number}/feedback", value, headers)

    good = {"confirmation": "denied"} if resource == "confirmationBase" else {
        "status": {"execution": "proceeding", "result": {"finished": "none"}}}
    assert error_of(post(action, {}), 400)["errorCode"].endswith("rest.body.notReadable")
    assert error_of(post("999999", good), 404)["exceptionClass"] == "EntityNotFoundException"
    for kind in ("text/plain", "application/cbor", "application/jsonx"):
        assert error_of(post(action, good, **{"Content-Type": kind}), 415)
    answer = device.call("POST", f"/{resource}/{action}/feedback", headers={}, data=json.dumps(good))
    error_of(answer, 415)  # no type at all
    error_of(device.call("GET", f"/{resource}/{action}/feedback"), 405)
    # Ids and times of older clients do not matter, whatever they are.
    for old in ({"id": str(action), "time": "20261122T051004"}, {"id": action + 7, "time": 12}, {"id": None, "timestamp": 1}):
        assert post(action, {**good, **old}).status == 200
    assert post(action, good, **{"Content-Type": "application/json;charset=UTF-8"}).status == 200
    server.manage("POST", f"/actions/{action}/cancel", {"force": True})
    if resource != "cancelAction":
        assert error_of(post(action, good), 410)["exceptionClass"] == "ActionNotActiveException"


def test_errors_say_what_is_wrong(server, device):
    """hawkBit's words for each status, for clients that log them."""
    action = server.assign(device.name, server.release)
    quota = {"data": {f"k{i}": "v" for i in range(101)}}
    for answer, status, exception in (
            (device.get(Accept="application/cbor"), 406, "HttpMediaTypeNotAcceptableException"),
            (device.get(f"/deploymentBase/{action}", Accept="text/html"), 406, "HttpMediaTypeNotAcceptableException"),
            (device.call("PUT", "/configData", data="x"), 415, "HttpMediaTypeNotSupportedException"),
            (device.call("PUT", "/configData", quota), 429, "AssignmentQuotaExceededException"),
            (device.call("DELETE"), 405, "HttpRequestMethodNotSupportedException"),
            (device.feedback(action, "closed", "success", to="cancelAction", code=405), 405,
             "CancelActionNotAllowedException"),
            (device.get(Authorization=None), 401, "InsufficientAuthenticationException")):
        assert error_of(answer, status)["exceptionClass"] == exception


def test_a_client_like_rauc(server, device):
    """The headers and order of rauc-hawkbit-updater: everything with a charset, attributes first."""
    head = {"Accept": "application/json;charset=UTF-8", "Content-Type": "application/json;charset=UTF-8"}
    action = server.assign(device.name, server.release)
    root = device.call("GET", headers=head)
    assert root.status == 200 and {"configData", "deploymentBase"} <= set(root.json()["_links"])
    told = {"id": "", "time": "20261122T051004", "status": {"result": {"finished": "success"}, "execution": "closed",
            "details": [""]}, "data": {"product": "gateway", "serial": "7"}, "mode": "merge"}
    assert device.call("PUT", "/configData", told, head).status == 200
    deployment = device.call("GET", f"/deploymentBase/{action}", headers=head).json()
    artifact = deployment["deployment"]["chunks"][0]["artifacts"][0]
    path = artifact["_links"]["download-http"]["href"].split(device.base)[1]
    data = device.get(path, Accept="*/*").body
    assert len(data) == artifact["size"] and hashlib.sha1(data).hexdigest() == artifact["hashes"]["sha1"]
    for execution, finished in (("proceeding", "none"), ("download", "none"), ("downloaded", "none"), ("closed", "success")):
        said = {"id": deployment["id"], "time": "20261122T051004", "status": {
            "result": {"finished": finished, "progress": {"cnt": 1, "of": 1}}, "execution": execution, "details": ["x"]}}
        assert device.call("POST", f"/deploymentBase/{action}/feedback", said, head).status == 200
    assert server.manage("GET", f"/actions/{action}")["state"] == "finished"


def test_long_details_are_cut_not_refused(server, device):
    action = server.assign(device.name, server.release)
    device.feedback(action, "proceeding", "none", *(f"line {i} " + "x" * 600 for i in range(80)))
    entry = server.manage("GET", f"/actions/{action}/history")["history"][0]
    assert len(entry["messages"]) == 50 and len(entry["messages"][0]) <= 512


def test_many_status_entries_are_429_but_the_end_is_taken(server, device):
    action = server.assign(device.name, server.release)
    body = json.dumps({"status": {"execution": "proceeding", "result": {"finished": "none"}}}).encode()
    head = device.head(f"/deploymentBase/{action}/feedback", "POST", "Content-Type: application/json",
                       f"Content-Length: {len(body)}")
    seen = set()
    with server.connect() as sock, sock.makefile("rb") as stream:
        for _ in range(26):
            sock.sendall((head + body) * 40)  # pipelined
            for _ in range(40):
                seen.add(read_answer(stream)[0])
    assert seen == {200, 429}
    device.feedback(action, "closed", "success", "confirmed")
    assert server.manage("GET", f"/actions/{action}")["state"] == "finished"


# What a device says it has


def put_installed(device, **value):
    return device.call("PUT", "/installedBase", value)


def test_a_device_says_what_it_has(server, device):
    answer = put_installed(device, name="lamp", version="1.0", more=1)
    assert (answer.status, answer.body) == (201, b"")
    assert put_installed(device, name="lamp", version="1.0").status == 200
    (action,) = server.manage("GET", f"/devices/{device.name}/actions")["actions"]
    assert (action["release"], action["state"], action["active"], action["operator"]) == (
        server.release, "finished", False, "")
    assert device.links() == {"installedBase": f"/installedBase/{action['id']}", "configData": "/configData"}
    assert device.get(f"/installedBase/{action['id']}").json()["deployment"]["chunks"][0]["version"] == "1.0"
    assert device.get(f"/softwaremodules/{server.release}/artifacts/other.bin").body == b"x"
    history = server.manage("GET", f"/actions/{action['id']}/history")["history"]
    assert [entry["state"] for entry in history] == ["finished"]


def test_what_a_device_has_needs_no_update(server, device):
    other = server.opaque_release("lamp", f"2.{device.name[:4]}", {"app.bin": b"2"})
    action = server.assign(device.name, server.release)
    assert put_installed(device, name="lamp", version="1.0").status == 201
    assert server.manage("GET", f"/actions/{action}")["state"] == "finished"
    # What is to come stays, and so does what is to be cancelled.
    coming = server.assign(device.name, other)
    assert put_installed(device, name="lamp", version="1.0").status == 200
    server.manage("POST", f"/actions/{coming}/cancel", {})
    assert put_installed(device, name="lamp", version=f"2.{device.name[:4]}").status == 201
    assert device.links()["cancelAction"] == f"/cancelAction/{coming}"


def test_what_a_device_cannot_have(server, device):
    server.opaque_release("chime", "1.0", {"app.bin": b"chime"})
    for value in ({"name": "lamp", "version": "9.9"}, {"name": "chime", "version": "1.0"},
                  {"name": "x" * 300, "version": "1.0"}, {"name": "lamp", "version": "1" * 300}):
        error_of(put_installed(device, **value), 404)
    for value in ({}, {"name": "lamp"}, {"version": "1.0"}, {"name": "", "version": "1.0"},
                  {"name": "lamp", "version": 1.0}, {"name": None, "version": "1.0"}):
        error_of(put_installed(device, **value), 400)
    error_of(device.call("PUT", "/installedBase", {"name": "lamp", "version": "1.0"},
                         {"Content-Type": "text/plain"}), 415)
    assert device.get("/installedBase").headers["Allow"] == "PUT"
    assert server.manage("GET", f"/devices/{device.name}/actions")["actions"] == []


# Cancelling


def test_cancelling(server, device):
    action = server.assign(device.name, server.release)
    error_of(device.get(f"/cancelAction/{action}"), 404)
    error_of(device.feedback(action, "closed", "success", to="cancelAction", code=405), 405)
    server.manage("POST", f"/actions/{action}/cancel", {})
    links = device.links()
    assert links["cancelAction"] == f"/cancelAction/{action}" and "deploymentBase" not in links
    assert device.get(f"/cancelAction/{action}").json() == {
        "id": str(action), "cancelAction": {"stopId": str(action)}}
    error_of(device.get(f"/deploymentBase/{action}"), 404)
    device.feedback(action, "rejected", "none", "selected", to="cancelAction")
    assert device.links()["deploymentBase"].startswith(f"/deploymentBase/{action}")
    server.manage("POST", f"/actions/{action}/cancel", {})
    device.feedback(action, "closed", "success", "canceled", to="cancelAction")
    assert server.manage("GET", f"/actions/{action}")["state"] == "canceled"
    assert "cancelAction" not in device.links()
    server.manage("POST", f"/actions/{action}/cancel", {}, 409)


# Confirmation


def test_confirmation(server, device):
    assert set(device.get("/confirmationBase").json()["_links"]) == {"activateAutoConfirm"}
    action = server.assign(device.name, server.release, confirm=True)
    link = device.links()["confirmationBase"]
    assert "deploymentBase" not in device.links()
    error_of(device.get(f"/deploymentBase/{action}"), 404)
    error_of(device.get(f"/softwaremodules/{server.release}/artifacts/app.bin"), 404)
    assert device.get("/confirmationBase").json()["_links"]["confirmationBase"]["href"].endswith(link)
    assert device.get(link).json()["confirmation"]["chunks"][0]["version"] == "1.0"

    def confirm(value, **more):
        return device.call("POST", f"/confirmationBase/{action}/feedback", {"confirmation": value, **more}).status

    assert confirm("perhaps") == 400 and confirm(None) == 400
    assert confirm("denied", code=-1, details=["not now"]) == 200
    assert "confirmationBase" in device.links()
    assert confirm("confirmed") == 200
    assert "deploymentBase" in device.links()
    assert confirm("confirmed") == 404
    server.manage("POST", f"/actions/{action}/cancel", {"force": True})
    assert confirm("confirmed") == 410
    assert confirm("denied") == 410
    assert device.call("POST", "/confirmationBase/activateAutoConfirm", {"initiator": "me", "remark": "r"}).status == 200
    assert device.call("POST", "/confirmationBase/activateAutoConfirm", {}).status == 409
    body = device.get("/confirmationBase").json()
    assert body["autoConfirm"] == {"active": True} and set(body["_links"]) == {"deactivateAutoConfirm"}
    assert device.call("POST", "/confirmationBase/deactivateAutoConfirm").status == 200
    assert device.call("POST", "/confirmationBase/deactivateAutoConfirm").status == 200


# Artifacts


@pytest.fixture
def artifact(server, device):
    server.assign(device.name, server.release)
    return f"/softwaremodules/{server.release}/artifacts/app.bin"


def test_download(server, device, artifact):
    answer = device.get(artifact)
    assert (answer.status, answer.body == FIRMWARE) == (200, True)
    etag = f'"{hashlib.sha1(FIRMWARE).hexdigest()}"'
    assert answer.headers["ETag"] == etag
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == 'attachment;filename="app.bin"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Last-Modified"].endswith(" GMT")
    head = device.call("HEAD", artifact)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(FIRMWARE)))
    assert head.headers["ETag"] == etag
    assert device.call("HEAD", artifact, headers={"Range": "bytes=0-1"}).status == 200
    sums = device.get(artifact + ".MD5SUM")
    assert sums.body.decode() == f"{hashlib.md5(FIRMWARE).hexdigest()}  app.bin"
    assert sums.headers["Content-Disposition"] == 'attachment;filename="app.bin.MD5SUM"'
    listed = device.get(f"/softwaremodules/{server.release}/artifacts").json()
    assert [a["filename"] for a in listed] == ["app.bin", "other.bin"]
    error_of(device.call("PUT", artifact, {}), 405)


@pytest.mark.parametrize("header, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-", 0, len(FIRMWARE) - 1), ("bytes=65535-65536", 65535, 65536),
    ("bytes=1-200000", 1, 200000), ("bytes=131072-", 131072, len(FIRMWARE) - 1),
    ("bytes=-7", len(FIRMWARE) - 7, len(FIRMWARE) - 1), ("bytes=255999-99999999", 255999, len(FIRMWARE) - 1)])
def test_ranges(device, artifact, header, first, last):
    answer = device.get(artifact, Range=header)
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(FIRMWARE)}"
    assert answer.body == FIRMWARE[first : last + 1]


def test_ranges_that_are_not_given(device, artifact):
    for header in (f"bytes={len(FIRMWARE)}-", "bytes=-0"):
        answer = device.get(artifact, Range=header)
        assert answer.status == 416 and answer.headers["Content-Range"] == f"bytes */{len(FIRMWARE)}"
    for header in ("bytes=5-1", "bytes=0-1,3-4", "lines=1-2", "bytes=x", "bytes=99999999999999999999-"):
        answer = device.get(artifact, Range=header)
        assert answer.status == 200 and answer.body == FIRMWARE


def test_conditions(device, artifact):
    etag = f'"{hashlib.sha1(FIRMWARE).hexdigest()}"'
    assert device.get(artifact, Range="bytes=1-2", If_Range=etag).body == FIRMWARE[1:3]
    for value in ('"other"', "W/" + etag, "Sun, 22 Nov 2026 10:00:00 GMT"):
        assert device.get(artifact, Range="bytes=1-2", If_Range=value).status == 200
    assert device.get(artifact, If_Match=etag, Range="bytes=1-2").status == 206
    assert device.get(artifact, If_Match='"a", ' + etag).status == 200
    assert device.get(artifact, If_Match="*").status == 200
    error_of(device.get(artifact, If_Match='"other"'), 412)
    error_of(device.get(artifact, If_Match="W/" + etag), 412)
    assert device.get(artifact, If_None_Match=etag).status == 304


def test_artifacts_of_others_do_not_exist(server, device):
    """Neither another device's, nor those of a release that this one has nothing to do with, by whatever path."""
    path = f"/softwaremodules/{server.release}/artifacts"
    for name in ("/app.bin", "/app.bin.MD5SUM", ""):
        error_of(device.get(path + name), 404)
    action = server.assign(device.name, server.release)
    assert device.get(path + "/app.bin").status == 200
    for name in ("/nothing.bin", "/app.bin.MD5SUM.MD5SUM", "/.MD5SUM", "/..", "/../app.bin", "/%2e%2e%2fapp.bin",
                 "/app.bin%00", "/./app.bin", "//app.bin", "/app.bin/", "/" + "x" * 129, "/APP.BIN"):
        error_of(device.get(path + name), 404)
    for number in ("0", "-1", "x", "999999", str(server.release) + "x", "99999999999999999999"):
        error_of(device.get(f"/softwaremodules/{number}/artifacts/app.bin"), 404)
    other = server.device("has-nothing")
    error_of(other.get(path + "/app.bin"), 404)
    error_of(other.get(path + "/app.bin", Authorization=device.authorization), 401)
    device.feedback(action, "closed", "failure")
    error_of(device.get(path + "/app.bin"), 404)


def test_what_was_installed_can_be_had_again(server, device, artifact):
    device.feedback(int(device.links()["deploymentBase"].split("/")[2].split("?")[0]), "closed", "success")
    assert device.get(artifact).status == 200


def test_a_download_that_is_cut_is_continued(server, device, artifact):
    with server.connect() as sock:
        sock.sendall(device.head(artifact))
        data = b""
        while len(data) < 90000:
            data += sock.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    rest = device.get(artifact, Range=f"bytes={len(body)}-", If_Range=f'"{hashlib.sha1(FIRMWARE).hexdigest()}"')
    assert rest.status == 206 and body + rest.body == FIRMWARE


def test_many_downloads_at_once(server, device, artifact):
    def fetch(results):
        for _ in range(5):
            answer = device.get(artifact)
            results.append((answer.status, hashlib.sha256(answer.body).digest()))

    results = []
    threads = [threading.Thread(target=fetch, args=(results,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results) == {(200, hashlib.sha256(FIRMWARE).digest())} and len(results) == 20


# What memory does not tell


def test_first_requests_after_a_start(server):
    """Nobody is known by then: who asks is found out before the body comes."""
    devices = [server.device(f"known-{i}") for i in range(4)]
    stranger = Device(server, "known-3", "guessed")
    server.stop()
    server.start()
    data = json.dumps({"mode": "merge", "data": {"a": "b"}}).encode()
    lines = ("Content-Type: application/json", f"Content-Length: {len(data)}")
    with server.connect() as sock, sock.makefile("rb") as stream:
        sock.sendall(devices[0].head("/configData", "PUT", "Expect: 100-continue", *lines))
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n" and stream.readline() == b"\r\n"
        sock.sendall(data + devices[1].head() + devices[2].head("/configData", "PUT", *lines) + data)
        assert [read_answer(stream)[0] for _ in range(3)] == [200, 200, 200]
        # What is refused is read to its end if it is small; the connection goes on.
        sock.sendall(stranger.head("/configData", "PUT", *lines) + data + stranger.head() + devices[3].head())
        assert [read_answer(stream)[0] for _ in range(3)] == [401, 401, 200]
    server.stop()
    server.start()
    endless = stranger.head("/configData", "PUT", "Content-Type: application/json", "Transfer-Encoding: chunked")
    with server.connect() as sock:
        sock.sendall(endless + b"5\r\nabcde\r\n")
        assert read_all(sock).startswith(b"HTTP/1.1 401")  # although there is more to come


def test_a_database_that_does_not_answer_holds_nobody_up(server, request):
    """Who is in memory is answered while others wait for the database."""
    if "postgres" not in server.store:
        pytest.skip("SQLite answers, or its disk does not")
    warm, cold = server.device("warm"), [server.device(f"cold-{i}") for i in range(6)]
    server.stop()
    server.start()
    assert warm.get().status == 200
    waiting = []
    with request.getfixturevalue("postgres").frozen():
        for device in cold:
            waiting.append(server.connect())
            waiting[-1].sendall(device.head("", "GET", "Connection: close"))
        time.sleep(0.2)
        start = time.monotonic()
        assert [warm.get().status for _ in range(20)] == [200] * 20
        assert time.monotonic() - start < 5
        assert server.call("GET", "/healthz").status == 200
    for sock in waiting:
        with sock:
            assert read_all(sock).startswith(b"HTTP/1.1 200")


# What is public


def test_public_files(server):
    for path in ("/DEFAULT/keyset/v1/lamp/after/0", "/DEFAULT/keyset/v1/lamp/after/x", "/DEFAULT/keyset/v1/no/after/1",
                 "/DEFAULT/keyset/v1/lamp/after/99999999999", "/DEFAULT/ca/v1/" + "0" * 64, "/DEFAULT/ca/v1/xyz"):
        assert server.call("GET", path).status == 404
    der = b"\x30\x82\x00\x10" + bytes(16)
    digest = server.manage("POST", "/cas", code=201, data=der, headers={"Content-Type": "application/pkix-cert"})
    assert digest == {"sha256": hashlib.sha256(der).hexdigest()}
    answer = server.call("GET", "/default/ca/v1/" + digest["sha256"])
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, der, "application/pkix-cert")


def test_pages_for_machines(server, device):
    device.links()
    assert server.call("GET", "/healthz").body == b"ok\n"
    assert server.call("GET", "/readyz").body == b"ready\n"
    text = server.call("GET", "/metrics").body.decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    values = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}
    assert len(values) == len(lines)
    assert values['slotseal_requests_total{route="poll",status="2xx"}'] > 0
    assert values["slotseal_devices"] > 0
    poll = 'slotseal_request_seconds_bucket{route="poll",le='
    counts = [values[poll + f'"{le}"}}'] for le in ("0.0005", "0.002", "0.02", "0.1", "1", "10", "+Inf")]
    assert counts == sorted(counts) and counts[-1] == values['slotseal_request_seconds_count{route="poll"}']


# Management


def test_management_needs_a_token(server, device):
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": device.authorization},
                    {"Authorization": f"Basic {server.token}"}):
        answer = server.call("GET", "/api/v1/devices", headers=headers)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["error"]["status"] == "not authenticated"


def test_management_refuses_what_is_wrong(server, device):
    bearer = {"Authorization": f"Bearer {server.token}"}
    assert server.call("GET", "/api/v1/devices/nobody", headers=bearer).status == 404
    assert server.call("GET", "/api/v1/nothing", headers=bearer).status == 404
    assert server.call("DELETE", "/api/v1/devices", headers=bearer).status == 405
    for path, value in (("/products/x", {"kind": "sealed"}), ("/products/x", {}), ("/products/x", {"kind": 1}),
                        ("/products/x", {"kind": "opaque", "more": 1}), ("/products/a%20b", {"kind": "opaque"}),
                        ("/devices/x", {"product": "lamp", "token_sha256": "zz"}),
                        ("/devices/x", {"product": "lamp", "token_sha256": "0" * 64, "any_certificate": True}),
                        ("/devices/a%2fb", {"product": "lamp"})):
        server.manage("PUT", path, value, 400)
    server.manage("PUT", "/devices/x", {"product": "no-such-product"}, 404)
    server.manage("POST", f"/devices/{device.name}/actions", {}, 400)
    server.manage("POST", f"/devices/{device.name}/actions", {"version": "1.0", "release": 1}, 400)
    server.manage("POST", f"/devices/{device.name}/actions", {"version": "9"}, 404)
    server.manage("POST", "/devices/nobody/actions", {"version": "1.0"}, 404)
    server.manage("POST", "/uploads", {"kind": "opaque", "length": 0, "sha256": "0" * 64}, 400)
    server.manage("POST", "/uploads", {"kind": "opaque", "length": 1 << 40, "sha256": "0" * 64}, 400)
    server.manage("GET", "/actions?limit=0", code=400)
    server.manage("GET", "/actions/x", code=404)
    server.manage("GET", "/devices?limit=1001", code=400)


def test_names_of_files(server, device):
    """Whatever is taken can be fetched by the links that there are then."""
    upload = server.upload(b"file")

    def release(version, *names, code=400):
        files = [{"file": name, "upload": upload} for name in names]
        return server.manage("POST", "/releases", {"product": "lamp", "version": version, "files": files}, code)

    for name in ("", ".", "..", ".a", "a b", "a/b", "a?b", "a#b", "a%41", 'a"b', "\u00e4", "x" * 129, "a.MD5SUM", "a.MD5SUM.bin"):
        assert "the name of file 1 has to be" in release("names", name)["error"]["message"]
    assert "two files are called a" in release("names", "a", "a")["error"]["message"]
    release("names")
    release("names", *(f"f{i}" for i in range(51)))
    for version in ("", "v" * 300, "a\nb"):
        release(version, "a")
    files = {"x" * 128: b"one", "A-z_0.+MD5SUM": b"other"}
    action = server.assign(device.name, server.opaque_release("lamp", f"names {device.name}", files))
    artifacts = device.get(f"/deploymentBase/{action}").json()["deployment"]["chunks"][0]["artifacts"]
    for artifact in artifacts:
        file, md5 = (artifact["_links"][rel]["href"].split(device.base, 1)[1] for rel in ("download-http", "md5sum-http"))
        name = artifact["filename"]
        assert device.get(file).body == files[name]
        assert device.get(md5).body == f"{hashlib.md5(files.pop(name)).hexdigest()}  {name}".encode()
    assert not files


def test_assigning_again_is_the_same_action(server, device):
    action = server.assign(device.name, server.release)
    assert server.assign(device.name, server.release, code=200) == action
    (listed,) = server.manage("GET", f"/devices/{device.name}/actions")["actions"]
    assert (listed["id"], listed["version"], listed["operator"]) == (action, "1.0", "tester")


def test_uploads_go_on_where_they_were(server):
    data = os.urandom(200000)
    head = {"Content-Type": "application/octet-stream"}
    begin = {"kind": "opaque", "length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    upload = server.manage("POST", "/uploads", begin, 201)
    path = f"/uploads/{upload['id']}?offset="
    server.manage("PUT", path + "0", data=data[:131072], headers=head)
    assert server.manage("PUT", path + "0", data=data[:65536], headers=head, code=409)["received"] == 131072
    server.manage("PUT", path + "131072", data=data[131072:131082], headers=head, code=400)
    assert server.manage("POST", "/uploads", begin, 201)["received"] == 131072
    assert server.manage("PUT", path + "131072", data=data[131072:], headers=head)["state"] == "complete"
    wrong = server.manage("POST", "/uploads", {**begin, "length": 5}, 201)
    server.manage("PUT", f"/uploads/{wrong['id']}?offset=0", data=b"xxxxx", headers=head, code=422)
    assert server.manage("GET", f"/uploads/{wrong['id']}")["state"] == "refused"
    big = f"PUT /api/v1{path}0 HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {server.token}\r\nContent-Length: 1048577\r\n\r\n"
    assert server.raw(big.encode()).startswith(b"HTTP/1.1 413")
    server.manage("DELETE", f"/uploads/{upload['id']}")
    server.manage("PUT", path, data=b"", headers={"Content-Type": "text/plain"}, code=415)


def test_bodies_of_strangers_are_not_kept(server):
    """Who is no operator is told so before a part of an upload has come."""
    for token in ("", "Authorization: Bearer guessed\r\n"):
        head = f"PUT /api/v1/uploads/1?offset=0 HTTP/1.1\r\nHost: t\r\n{token}Content-Length: 1048576\r\n\r\n"
        with server.connect() as sock:
            sock.sendall(head.encode())
            assert sock.recv(12) == b"HTTP/1.1 401"


def test_operators(server):
    made = server.manage("POST", "/operators", {"name": "second"}, 201)
    head = {"Authorization": f"Bearer {made['token']}"}
    assert server.call("GET", "/api/v1/products", headers=head).status == 200
    server.manage("POST", "/operators", {"name": "second"}, 409)
    assert {o["name"] for o in server.manage("GET", "/operators")["operators"]} == {"tester", "second"}
    server.manage("DELETE", "/operators/second")
    server.manage("DELETE", "/operators/second", code=404)
    assert server.call("GET", "/api/v1/products", headers=head).status == 401


# Clients that behave badly


def test_malformed_requests(server, device):
    auth = f"Authorization: {device.authorization}\r\n".encode()
    target = device.base.encode()
    for request, statuses in [
        (b"GARBAGE\r\n\r\n", {0}),
        (b"\r\n\r\n\r\n\r\n\r\nGET\r\n\r\n", {0}),
        (b"GET " + target + b" HTTP/1.1\r\n" + auth + b"\r\n", {400}),  # no Host
        (b"GET " + target + b" HTTP/9.9\r\nHost: t\r\n" + auth + b"\r\n", {505, 400}),
        (b"GET " + target + b"\r\n\r\n", {400}),
        (b"GET " + b"/x" * 4000 + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", {414}),
        (b"GET /" + b"x" * 1023 + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", {414}),
        (b"GET /" + b"x" * 1022 + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", {404}),
        (b"GET " + b"/x" * 40 + b" HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", {404}),
        (b"GET " + target + b" HTTP/1.1\r\nHost: t\r\n" + b"X: " + b"y" * 40000 + b"\r\n\r\n", {431}),
        (b"GET " + target + b" HTTP/1.1\r\nHost: t\r\n" + b"X: y\r\n" * 4000 + b"\r\n", {431}),
        (b"GET " + target + b" HTTP/1.1\r\nHost: t\r\n" + auth + auth + b"\r\n", {400}),
        (b"PUT " + target + b"/configData HTTP/1.1\r\nHost: t\r\n" + auth +
         b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
        (b"PUT " + target + b"/configData HTTP/1.1\r\nHost: t\r\n" + auth +
         b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400}),
        (b"PUT " + target + b"/configData HTTP/1.1\r\nHost: t\r\n" + auth + b"Content-Length: x\r\n\r\n", {400}),
        (b"PUT " + target + b"/configData HTTP/1.1\r\nHost: t\r\n" + auth + b"Content-Length: -1\r\n\r\n", {400}),
        (b"PUT " + target + b"/configData HTTP/1.1\r\nHost: t\r\n" + auth +
         b"Content-Length: 99999999999999999999\r\n\r\n", {400, 413}),
        (b"PUT " + target + b"/configData HTTP/1.1\r\nHost: t\r\n" + auth + b"Content-Length: 65537\r\n\r\n", {413}),
        (b"PUT " + target + b"/configData HTTP/1.1\r\nHost: t\r\n" + auth +
         b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n", {400}),
    ]:
        with server.connect() as sock:
            sock.sendall(request)
            answer = read_all(sock)
        # What is no request line at all is not answered.
        assert int((answer or b"- 0 -").split(b" ", 2)[1]) in statuses, (request[:100], answer[:200])
    assert device.get().status == 200


def test_chunked_bodies(server, device):
    body = b'{"data":{"a":"b"}}'
    request = device.head("/configData", "PUT", "Content-Type: application/json", "Transfer-Encoding: chunked",
                          "Connection: close")
    chunks = b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"
    assert server.raw(request + chunks).startswith(b"HTTP/1.1 200")
    big = b"10000\r\n" + b"x" * 65536 + b"\r\n1\r\nx\r\n0\r\n\r\n"
    assert b"HTTP/1.1 413" in server.raw(request + big)


def test_pipelined_requests_are_answered_in_order(server, device, artifact):
    paths = ["", "/nothing", artifact, "/configData", ""] * 8
    request = b"".join(device.head(p) for p in paths)
    with server.connect() as sock, sock.makefile("rb") as stream:
        sock.sendall(request)
        assert [read_answer(stream)[0] for _ in paths] == [200, 404, 200, 405, 200] * 8


def test_requests_in_single_bytes(server, device):
    with server.connect() as sock, sock.makefile("rb") as stream:
        for byte in device.head():
            sock.sendall(bytes([byte]))
        assert read_answer(stream)[0] == 200


def test_clients_that_vanish(server, device, artifact):
    for cut in range(1, 400, 23):
        for request in (device.head(artifact), device.head("/configData", "PUT", "Content-Length: 100") + b"{" * 50):
            with server.connect() as sock:
                sock.sendall(request[:cut])
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
    assert device.get(artifact).body == FIRMWARE


def test_wrong_bodies_leave_the_connection_usable(server, device):
    """A refused body is read, so that the next request on the connection is not taken for its rest."""
    body = b"GET / HTTP/1.1\r\n\r\n"
    bad = device.head("/configData", "PUT", f"Content-Length: {len(body)}").replace(b"TargetToken ", b"TargetToken x")
    with server.connect() as sock, sock.makefile("rb") as stream:
        sock.sendall(bad + body + device.head())
        assert [read_answer(stream)[0] for _ in range(2)] == [401, 200]
