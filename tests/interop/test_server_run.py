# SPDX-License-Identifier: Apache-2.0
"""The update server as a process: TLS and client certificates, proxies, rates, slow clients, reload, stop, systemd."""
import ctypes
import hashlib
import http.client
import json
import os
import pathlib
import pwd
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from conftest import BUILD, ONCE, ROOT
from update_server import CONFINED, Server, certificate, let_others_in, read_all, read_answer, tls_context

pytestmark = ONCE

CLIENT = x509.ExtendedKeyUsageOID.CLIENT_AUTH


@pytest.fixture
def make(tmp_path):
    """Starts servers, and ends them."""
    servers = []

    def start(*options, **more):
        folder = tmp_path / f"server{len(servers)}"
        folder.mkdir()
        server = Server(folder, f"sqlite:{folder}/server.db", **more)
        servers.append(server)
        return server.start(*options)

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop()


def status_of(call):
    """Status of an answer; None where the connection does not come about."""
    try:
        return call().status
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        return None


# TLS


@pytest.fixture
def pki(tmp_path):
    for ca in ("server-ca", "device-ca", "other-ca"):
        certificate(tmp_path, ca, ca=True)
    certificate(tmp_path, "server", "server-ca")
    for name, issuer, usage in (("dev-any", "device-ca", CLIENT), ("dev-pinned", "device-ca", None),
                                ("dev-file", "device-ca", None), ("forged", "other-ca", CLIENT),
                                ("for-servers", "device-ca", x509.ExtendedKeyUsageOID.SERVER_AUTH)):
        certificate(tmp_path, name, issuer, usage=usage)
    return tmp_path


def tls_config(pki, mode):
    return (f"certificate = {pki}/server.pem\nkey = {pki}/server.key\nclient_ca = {pki}/device-ca.pem\n"
            f"client_certificates = {mode}")


def register(server, pki):
    """Devices with each kind of credential. Registered by the operator, who needs a certificate, too, if it is required."""
    der = x509.load_pem_x509_certificate((pki / "dev-pinned.pem").read_bytes()).public_bytes(serialization.Encoding.DER)
    call = server.call
    server.call = lambda method, path, body=None, headers=None, context=None: call(
        method, path, body, headers, context or tls_context(pki, "server-ca", "dev-any"))
    server.device("dev-token")
    server.device("dev-any", any_certificate=True)
    server.device("dev-pinned", certificate_sha256=hashlib.sha256(der).hexdigest())
    server.device("dev-file", certificate_sha256=hashlib.sha256((pki / "dev-file.pem").read_bytes()).hexdigest())
    server.device("forged", any_certificate=True)
    server.device("for-servers", any_certificate=True)
    return lambda name, client=None, **headers: status_of(lambda: call(
        "GET", f"/DEFAULT/controller/v1/{name}", headers=headers, context=tls_context(pki, "server-ca", client)))


def test_client_certificates_beside_tokens(make, pki):
    poll = register(make(tls=tls_config(pki, "accepted")), pki)
    token = {"Authorization": "TargetToken token-of-dev-token"}
    assert poll("dev-token", **token) == 200
    assert poll("dev-token", "dev-any", **token) == 200
    assert poll("dev-any", "dev-any") == 200
    assert poll("dev-pinned", "dev-pinned") == 200
    assert poll("dev-file", "dev-file") == 200
    assert poll("dev-any") == 401
    assert poll("dev-any", **token) == 401
    assert poll("dev-any", "dev-pinned") == 401  # its own name is what counts
    assert poll("dev-token", "dev-any") == 401
    assert poll("forged", "forged") is None  # the handshake ends
    assert poll("for-servers", "for-servers") is None
    again = certificate(pki, "dev-pinned", "device-ca")
    assert again and poll("dev-pinned", "dev-pinned") == 401  # of the right authority and name, but another one


def test_client_certificates_required(make, pki):
    poll = register(make(tls=tls_config(pki, "required")), pki)
    token = {"Authorization": "TargetToken token-of-dev-token"}
    assert poll("dev-any", "dev-any") == 200
    assert poll("dev-token", "dev-any", **token) == 200
    assert poll("dev-token", **token) is None
    assert poll("forged", "forged") is None


def test_old_tls_and_plain_text_are_refused(make, pki):
    server = make(tls=tls_config(pki, "no"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        context = tls_context(pki, "server-ca")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        server.call("GET", "/healthz", context=context)
    assert b"HTTP/1.1 200" not in server.raw(b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", 5)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = tls_context(pki, "server-ca")
        context.minimum_version = context.maximum_version = version
        assert server.call("GET", "/healthz", context=context).status == 200


def test_sessions_are_resumed(make, pki):
    """A device that polls every few minutes does not pay for a whole handshake each time."""
    server = make(tls=tls_config(pki, "accepted"))
    context = tls_context(pki, "server-ca")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    reused, session = [], None
    for _ in range(2):
        with context.wrap_socket(server.connect(), server_hostname="127.0.0.1", session=session) as tls:
            tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            assert read_all(tls).startswith(b"HTTP/1.1 200")
            reused.append(tls.session_reused)
            session = tls.session
    assert reused == [False, True]


def cpu_seconds(server):
    """Of the server and its children."""
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if server.process.pid in (int(stat.parent.name), int(fields[1])):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_unfinished_handshakes_cost_nothing(make, pki):
    server = make(tls=tls_config(pki, "no"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = tls_context(pki, "server-ca").wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    first = outgoing.read()
    waiting = [server.connect() for _ in range(8)]
    for i, sock in enumerate(waiting):
        sock.sendall(first[:len(first) // 2] if i % 2 else first)
    assert server.call("GET", "/healthz", context=tls_context(pki, "server-ca")).status == 200
    before = cpu_seconds(server)
    time.sleep(2)
    assert cpu_seconds(server) - before < 0.5
    assert server.call("GET", "/healthz", context=tls_context(pki, "server-ca")).status == 200
    # One that hesitated goes on where it was.
    waiting[1].sendall(first[len(first) // 2:])
    done = False
    while not done:
        incoming.write(waiting[1].recv(65536))
        try:
            hello.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            pass
        waiting[1].sendall(outgoing.read() or b"")
    hello.write(b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    waiting[1].sendall(outgoing.read())
    incoming.write(read_all(waiting[1]))
    assert hello.read().startswith(b"HTTP/1.1 200")
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 10  # the others are not waited for


def test_answers_of_full_records(make, pki):
    """Records are held while there is more of an answer: nothing waits where its last bytes fill one."""
    server = make(tls=tls_config(pki, "accepted"), limits="address_rate = 0\ndevice_rate = 0")
    call, context = server.call, tls_context(pki, "server-ca")
    server.call = lambda method, path, body=None, headers=None, _=None: call(method, path, body, headers, context)
    image = os.urandom(20 * 16384)
    release = server.opaque_release("lamp", "1", {"a.bin": image})
    device = server.device("dev")
    action = server.assign("dev", release)
    path = f"/softwaremodules/{release}/artifacts/a.bin"
    (artifact,) = device.get(f"/deploymentBase/{action}").json()["deployment"]["chunks"][0]["artifacts"]
    assert artifact["_links"] == {  # over TLS without -http
        rel: {"href": f"https://updates.test{device.base}{path}{more}"} for rel, more in (("download", ""), ("md5sum", ".MD5SUM"))}
    with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as tls:
        stream, started = tls.makefile("rb"), time.monotonic()
        for i in range(20):
            for first, last in ((0, 16383), (i, i + 16383), (0, 16384 * (i + 1) - 1)):
                tls.sendall(device.head(path, "GET", f"Range: bytes={first}-{min(last, len(image) - 1)}"))
                assert read_answer(stream) == (206, image[first:last + 1])
        # 60 answers that wait a fifth of a second each would take 12 seconds.
        assert time.monotonic() - started < 6


def serial_of(server, pki):
    with tls_context(pki, "server-ca").wrap_socket(server.connect(), server_hostname="127.0.0.1") as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(True)).serial_number


def test_reload(make, pki):
    """Certificates, limits and the log change; connections that are there go on; a mistake changes nothing."""
    server = make(tls=tls_config(pki, "no"))
    before = serial_of(server, pki)
    old = tls_context(pki, "server-ca").wrap_socket(server.connect(), server_hostname="127.0.0.1")
    certificate(pki, "server", "server-ca", serial=4711)
    config = server.folder / "server.conf"
    config.write_text(config.read_text() + "[log]\nformat = json\n")
    server.signal(signal.SIGHUP)
    for _ in range(100):
        if serial_of(server, pki) == 4711:
            break
        time.sleep(0.05)
    assert before != 4711 and serial_of(server, pki) == 4711
    with old:
        old.sendall(b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        assert read_all(old).startswith(b"HTTP/1.1 200")
    lines = server.log.read_text().splitlines()
    assert json.loads(lines[-1])["message"] == "reloaded"
    config.write_text("[server]\nnonsense = 1\n")
    server.signal(signal.SIGHUP)
    for _ in range(100):
        if "not reloaded" in server.log.read_text():
            break
        time.sleep(0.05)
    last = json.loads(server.log.read_text().splitlines()[-1])
    assert last["level"] == "error" and "there is no key 'nonsense'" in last["reason"]
    assert serial_of(server, pki) == 4711


# Proxies and the gateway token


def test_proxies(make):
    """Headers count from listed addresses alone, and vouch for devices only by a listed authority."""
    for proxies, expected in (("127.0.0.0/8", 200), ("192.0.2.1", 401)):
        server = make(extra=f"proxies = {proxies}\nproxy_authorities = ab:cd\nproxy_authorities = ef")
        server.device("behind", any_certificate=True)
        server.device("with-token")
        path = "/DEFAULT/controller/v1/"

        def poll(name, **headers):
            return server.call("GET", path + name, headers={k.replace("_", "-"): v for k, v in headers.items()}).status

        assert poll("behind", X_Controller_Id="behind", X_Authority="zz;ab:cd") == expected
        assert poll("behind", X_Controller_Id="behind", X_Authority="zz") == 401
        assert poll("behind", X_Controller_Id="behind") == 401
        assert poll("behind", X_Controller_Id="other", X_Authority="ef") == 401
        assert poll("with-token", X_Controller_Id="with-token", X_Authority="ef") == 401
        server.stop()
    server = make(extra="proxies = 127.0.0.0/8")
    server.device("behind", any_certificate=True)
    assert server.call("GET", path + "behind", headers={"X-Controller-Id": "behind", "X-Authority": ""}).status == 401


def test_a_proxy_adds_a_line(make):
    """HAProxy and others add a header of their own behind the one that they were sent."""
    server = make(extra="proxies = 127.0.0.0/8")
    device = server.device("behind")
    lines = ("X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 127.0.0.2", "Connection: close")
    assert server.raw(device.head("", "GET", *lines)).startswith(b"HTTP/1.1 200")
    device.authorization = "TargetToken wrong"
    assert server.raw(device.head("", "GET", *lines)).startswith(b"HTTP/1.1 401")
    assert "for=behind address=198.51.100.7\n" in server.log.read_text()


def test_gateway_token(make, tmp_path):
    token = tmp_path / "gateway"
    token.write_text("a-token-of-the-gateway\n")
    server = make(extra=f"gateway_token = {token}")
    device = server.device("anyone")
    assert device.get(Authorization="GatewayToken a-token-of-the-gateway").status == 200
    assert device.get(Authorization="GatewayToken a-token-of-the-gatewax").status == 401
    assert device.get(Authorization="TargetToken a-token-of-the-gateway").status == 401
    path = "/DEFAULT/controller/v1/nobody"
    assert server.call("GET", path, headers={"Authorization": "GatewayToken a-token-of-the-gateway"}).status == 401


# Devices that register themselves

GATEWAY = "GatewayToken a-token-of-the-gateway"


def joining(make, tmp_path, **more):
    token = tmp_path / "gateway"
    token.write_text("a-token-of-the-gateway\n")
    return make(extra=f"gateway_token = {token}\nnew_devices = chime", **more)


def test_unknown_devices_register_themselves(make, tmp_path):
    server = joining(make, tmp_path)
    path = "/DEFAULT/controller/v1/new-1"

    def call(path, method="GET", authorization=GATEWAY, body=None):
        return server.call(method, path, body, {"Authorization": authorization, "Content-Type": "application/json"})

    for authorization in ("TargetToken a-token-of-the-gateway", "GatewayToken a-token-of-the-gatewax", "Bearer x"):
        assert call(path, authorization=authorization).status == 401
    # By its first poll, and nothing else.
    for method, resource in (("HEAD", ""), ("PUT", "/configData"), ("GET", "/confirmationBase"),
                             ("GET", "/softwaremodules/1/artifacts")):
        assert call(path + resource, method).status == 401
    for name in ("a%20b", "..", "x" * 65, "caf%C3%A9"):
        assert call(f"/DEFAULT/controller/v1/{name}").status == 401
    for _ in range(30):  # a good credential is no guess
        assert call(path + "/configData", "PUT").status == 401
    server.manage("GET", "/devices/new-1", code=404)
    answer = call(path)
    assert answer.status == 200 and set(answer.json()["_links"]) == {"configData"}
    device = server.manage("GET", "/devices/new-1")
    assert (device["product"], device["kind"], device["active"], device["credential"]) == (
        "chime", "opaque", True, "any_certificate")
    assert call(path + "/configData", "PUT", body='{"data":{"hw":"7"}}').status == 200
    release = server.opaque_release("chime", "1.0", {"app.bin": b"chime"})
    server.assign("new-1", release)
    assert "deploymentBase" in call(path).json()["_links"]
    assert call(f"{path}/softwaremodules/{release}/artifacts/app.bin").body == b"chime"
    # An operator has the last word.
    server.manage("PUT", "/devices/new-1", {"product": "chime", "active": False})
    assert call(path).status == 401
    assert server.log.read_text().count("a device registered itself") == 1


def test_a_device_registers_itself_once(make, tmp_path):
    """Many first polls at once; and one that an operator has registered keeps its own credential."""
    server = joining(make, tmp_path)
    known = server.device("known")
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(server.call(
        "GET", "/DEFAULT/controller/v1/twin", headers={"Authorization": GATEWAY}).status)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 12
    assert server.log.read_text().count("a device registered itself") == 1
    assert known.get().status == 200 and known.get(Authorization=GATEWAY).status == 200
    assert server.manage("GET", "/devices/known")["product"] == "lamp"


def test_registrations_are_limited(make, tmp_path):
    server = joining(make, tmp_path, limits="new_devices = 3")
    head = {"Authorization": GATEWAY}
    answers = [server.call("GET", f"/DEFAULT/controller/v1/flood-{i}", headers=head) for i in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[3].headers["Retry-After"] == "60"
    assert server.call("GET", "/DEFAULT/controller/v1/flood-0", headers=head).status == 200
    assert len(server.manage("GET", "/devices")["devices"]) == 3


def test_certificates_and_proxies_register_devices(make, pki):
    server = make(tls=tls_config(pki, "accepted"), extra="new_devices = chime")
    path = "/DEFAULT/controller/v1/"

    def poll(name, client=None):
        return status_of(lambda: server.call("GET", path + name, context=tls_context(pki, "server-ca", client)))

    assert poll("dev-any") == 401
    assert poll("other", "dev-any") == 401
    assert poll("dev-any", "dev-any") == 200
    assert poll("dev-any", "dev-pinned") == 401
    assert poll("forged", "forged") is None
    plain = make(extra="proxies = 127.0.0.0/8\nproxy_authorities = ef\nnew_devices = chime")
    for authority, expected in (("zz", 401), ("ef", 200)):
        head = {"X-Controller-Id": "behind", "X-Authority": authority}
        assert plain.call("GET", path + "behind", headers=head).status == expected


# Limits


def test_guessing_is_throttled(make):
    server = make(limits="guesses = 5")
    device, other = server.device("guessed"), server.device("neighbour")
    assert [device.get(Authorization="TargetToken guess").status for _ in range(7)] == [401] * 5 + [429] * 2
    answer = device.get()  # the right one neither, from this address, for this device
    assert answer.status == 429 and answer.headers["Retry-After"] == "60"
    assert other.get().status == 200  # who shares the address is not locked out
    bearer = {"Authorization": "Bearer wrong"}
    assert [server.call("GET", "/api/v1/devices", headers=bearer).status for _ in range(7)] == [401] * 5 + [429] * 2


def test_guesses_from_one_ipv6_network_count_together(make):
    server = make(extra="proxies = 127.0.0.0/8", limits="guesses = 3")
    device = server.device("guessed")

    def guess(address):
        return device.get(Authorization="TargetToken wrong", **{"X-Forwarded-For": address}).status

    assert [guess(f"2001:db8:0:7::{i}") for i in range(5)] == [401] * 3 + [429] * 2
    assert guess("2001:db8:0:8::1") == 401
    assert [guess(f"203.0.113.{i}") for i in range(5)] == [401] * 5


def test_guesses_about_all_devices_count_together(make):
    server = make(limits="guesses = 2")
    path = "/DEFAULT/controller/v1/unknown-"
    head = {"Authorization": "TargetToken guess"}
    statuses = [server.call("GET", path + str(i), headers=head).status for i in range(25)]
    assert statuses == [401] * 20 + [429] * 5


def test_rates(make):
    server = make(limits="device_rate = 1")
    device, other = server.device("loud"), server.device("quiet")
    statuses = [device.get().status for _ in range(14)]
    assert statuses[:10] == [200] * 10 and set(statuses[11:]) == {429}
    assert other.get().status == 200
    server = make(limits="address_rate = 2", extra="proxies = 127.0.0.1")
    server.device("any")

    def healthz(address):
        return server.call("GET", "/healthz", headers={"X-Forwarded-For": address}).status

    statuses = [healthz("192.0.2.1") for _ in range(24)]
    assert statuses[:20] == [200] * 20 and set(statuses[22:]) == {429}
    assert healthz("192.0.2.2") == 200
    assert "slotseal_limited_total" in server.call("GET", "/metrics").body.decode()


def test_downloads_at_once(make):
    server = make(limits="downloads_per_device = 2\ndownloads = 3")
    release = server.opaque_release("lamp", "1", {"a.bin": os.urandom(8 << 20)})
    devices = [server.device(f"dev{i}") for i in range(3)]
    path = f"/softwaremodules/{release}/artifacts/a.bin"
    for device in devices:
        server.assign(device.name, release)
    running = []
    for device, expected in ((devices[0], 200), (devices[0], 200), (devices[0], 429), (devices[1], 200),
                             (devices[2], 503)):
        sock = server.connect()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(device.head(path))
        assert int(sock.recv(15).split()[1]) == expected
        running.append(sock)
    for sock in running:
        sock.close()
    for _ in range(100):
        if devices[2].get(path, Range="bytes=0-0").status == 206:
            break
        time.sleep(0.05)
    assert devices[2].get(path, Range="bytes=0-0").status == 206


def test_connections_of_an_address(make):
    """Those above are closed, however many they are; when others are gone there is room again."""
    server = make(limits="connections_per_address = 4")

    def answer(sock):
        try:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n")
            return sock.recv(15)
        except ConnectionError:
            return b""

    held = [server.connect() for _ in range(4)]
    assert [answer(sock) for sock in held] == [b"HTTP/1.1 200 OK"] * 4
    for _ in range(200):
        with server.connect() as sock:
            assert answer(sock) == b""
    for sock in held:
        sock.close()
    for _ in range(100):
        with server.connect() as sock:
            if answer(sock):
                break
        time.sleep(0.05)
    assert server.call("GET", "/healthz").status == 200


def test_metrics_are_for_listed_addresses(make):
    server = make(extra="metrics = 192.0.2.0/24")
    assert server.call("GET", "/metrics").status == 404
    server = make(extra="metrics = 127.0.0.0/8\nproxies = 127.0.0.0/8")
    assert server.call("GET", "/metrics").status == 200
    assert server.call("GET", "/metrics", headers={"X-Forwarded-For": "127.0.0.9"}).status == 200
    # The proxy of this host speaks for everybody: who is behind it counts.
    assert server.call("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status == 404


def test_slow_clients_are_cut(make):
    server = make(limits="timeout = 1\nrequest_timeout = 1")
    device = server.device("slow")
    body = device.head("/configData", "PUT", "Content-Type: application/json", "Content-Length: 60000")

    def drip(request):
        started = time.monotonic()
        with server.connect() as sock:
            try:
                for byte in request:
                    sock.sendall(bytes([byte]))
                    time.sleep(0.2)
                    if time.monotonic() - started > 15:
                        return "still there"
            except OSError:
                pass
            return time.monotonic() - started

    ended = []
    threads = [threading.Thread(target=lambda r=r: ended.append(drip(r)))
               for r in (device.head(), b"GET / HTTP/1.1\r\n" + b"X" * 500, b"\r\n" * 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(seconds != "still there" and seconds < 10 for seconds in ended), ended
    with server.connect() as sock:  # silent from the start
        assert read_all(sock) == b""
    with server.connect() as sock:  # silent after a part of the body
        sock.sendall(body + b'{"data"')
        started = time.monotonic()
        read_all(sock)
        assert time.monotonic() - started < 10
    assert device.get().status == 200


# Starting and stopping


def refused(text, tmp_path):
    path = tmp_path / "bad.conf"
    path.write_text(text)
    p = subprocess.run([BUILD / "slotseal", "serve", "--config", path], capture_output=True, timeout=20)
    return p.returncode, p.stderr.decode()


def test_it_says_why_it_does_not_start(make, pki, tmp_path):
    store = f"store = sqlite:{tmp_path}/x.db\nurl = https://t\n"
    listen = "listen = 127.0.0.1:0\n"
    for text, message in [
        ("[server]\n", "[server] needs url"),
        ("[serve]\nurl = x\n", "bad.conf:2: there is no key 'url' in section [serve]"),
        (f"[server]\n{store}plain_http = yes\n", "[server] needs listen"),
        (f"[server]\n{store}{listen}certificate = {pki}/server.pem\nkey = {pki}/nothing\n", "cannot read"),
        (f"[server]\n{store}{listen}certificate = {pki}/server.pem\nkey = {pki}/forged.key\n", "server.pem: "),
        (f"[server]\n{store}listen = 192.0.2.1:1\nplain_http = yes\n", "cannot listen on 192.0.2.1:1"),
        (f"[server]\nurl = http://t\nstore = sqlite:/nonexistent/x.db\n{listen}plain_http = yes\n", "/nonexistent"),
        (f"[server]\n{store}{listen}plain_http = yes\ngateway_token = {pki}/nothing\n", "cannot read"),
        (f"[server]\n{store}{listen}plain_http = yes\nnew_devices = chime\n", "new_devices needs gateway_token"),
        (f"[server]\n{store}{listen}plain_http = yes\nproxy_authorities = x\nnew_devices = a b\n", "new_devices: "),
    ]:
        code, said = refused(text, tmp_path)
        assert code == 1 and message in said, (text, said)


def without_landlock():
    """In a process that is to be: as on a kernel that is older, or was built without it."""
    landlock_create_ruleset, errno_enosys, allow = 444, 0x00050000 | 38, 0x7FFF0000
    steps = [(0x20, 0, 0, 0), (0x15, 0, 1, landlock_create_ruleset), (0x06, 0, 0, errno_enosys), (0x06, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP


def test_what_confines_the_front(tmp_path):
    """With neither another user nor Landlock it does not start, unless told to."""
    server = Server(tmp_path, f"sqlite:{tmp_path}/server.db")
    p = subprocess.run([BUILD / "slotseal", "serve", "--config", server.write_config()], capture_output=True, text=True,
                       preexec_fn=without_landlock, env=CONFINED, timeout=20)
    assert p.returncode == 1 and "neither another user nor Landlock confines this process" in p.stderr
    server.start("--insecure-no-sandbox", preexec=without_landlock)
    assert server.call("GET", "/healthz").status == 200
    log = server.log.read_text()
    assert "message=confined user=unchanged landlock=no seccomp=yes" in log
    assert ('level=warning message="the front is root"' in log) == (os.getuid() == 0)
    server.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_the_front_becomes_another_user(tmp_path):
    let_others_in(tmp_path)
    server = Server(tmp_path, f"sqlite:{tmp_path}/server.db", extra="user = nobody")
    nobody = pwd.getpwnam("nobody")
    for path in (tmp_path, tmp_path / "server.db"):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    server.start(preexec=without_landlock)
    server.device("dev")
    log = server.log.read_text()
    assert "message=confined user=nobody landlock=no seccomp=yes" in log and "is root" not in log
    (front,) = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    status = pathlib.Path(f"/proc/{front}/status").read_text()
    assert re.search(rf"^Uid:(\t{nobody.pw_uid}){{4}}$", status, re.M) and "CapEff:\t0000000000000000" in status
    server.stop()


def test_sample_is_a_configuration():
    p = subprocess.run([BUILD / "slotseal", "serve", "--sample"], capture_output=True, check=True)
    assert b"[server]\n# ADDRESS:PORT to listen on" in p.stdout


def test_few_files(make, monkeypatch):
    """There are no more connections than files can be open for, the log says so, and they do not take the store's."""
    launch = subprocess.Popen
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 128))
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **more: launch(*args, **{**more, "preexec_fn": limit}))
    server = make(limits="request_timeout = 1")
    monkeypatch.undo()
    assert 'message="fewer connections than configured" most=64 ' in server.log.read_text()
    idle = [server.connect() for _ in range(200)]
    for sock in idle:
        sock.sendall(b"GET /h")
    for _ in range(200):
        if 'message="new connections wait" ' in server.log.read_text():
            break
        time.sleep(0.05)
    assert 'message="new connections wait" ' in server.log.read_text()
    assert server.call("GET", "/readyz").status == 200  # once they are cut
    for sock in idle:
        sock.close()


def test_as_many_connections_as_there_can_be(make):
    """Those above wait, and the server is there for them when others have gone."""
    server = make(limits="connections = 16\nrequest_timeout = 2")
    idle = [server.connect() for _ in range(200)]
    time.sleep(0.3)
    for sock in idle:
        sock.close()
    assert server.call("GET", "/readyz").status == 200
    server.stop()


def server_process(server):
    """The front: the child of the supervisor, or the only process."""
    def children(pid):
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    (pid,) = children(server.process.pid)
    return (children(pid) or [pid])[0]


def test_a_store_that_cannot_be_written(make):
    """Files that may not grow stand for a full disk: 503 with a reason, and no restart when there is room again."""
    server = make()
    device = server.device("d1")
    pid = server_process(server)
    limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (8192, limits[1]))
    attributes = {"mode": "merge", "data": {"a": "b"}}
    assert device.call("PUT", "/configData", attributes).status == 503
    for _ in range(2):
        answer = server.call("GET", "/readyz")
        assert (answer.status, answer.body) == (503, b"the store cannot be written\n")
    assert server.call("GET", "/healthz").status == 200
    assert device.get().status == 200
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
    for _ in range(150):
        if server.call("GET", "/readyz").status == 200:
            break
        time.sleep(0.1)
    assert server.call("GET", "/readyz").body == b"ready\n"
    assert device.call("PUT", "/configData", attributes).status == 200
    log = server.log.read_text()
    assert log.count('level=error message="the store cannot be written" reason="sqlite: ') == 1
    assert log.count('message="the store can be written again"') == 1
    server.stop()


def test_documents_have_configurations(tmp_path):
    """What is said to stand in a configuration can be read as it is written: up to the mistake at its end."""
    count = 0
    for document in sorted((ROOT / "docs").glob("*.md")):
        for block in re.findall(r"^```\n(\[(?:server|sealer|presealed)\]\n.*?)^```", document.read_text(), re.M | re.S):
            path = tmp_path / "server.conf"
            text = block.replace("…\n", "", 1) + "mistake = 1\n"
            path.write_text(text)
            p = subprocess.run([BUILD / "slotseal", "serve", "--config", path], capture_output=True, text=True)
            line = text.count("\n")
            assert p.returncode == 1 and f"server.conf:{line}: there is no key 'mistake'" in p.stderr, (document, p.stderr)
            count += 1
    assert count == 5


def test_a_stop_lets_downloads_finish(make):
    server = make()
    firmware = os.urandom(12 << 20)
    release = server.opaque_release("lamp", "1", {"a.bin": firmware})
    device = server.device("dev")
    server.assign("dev", release)
    with server.connect() as sock:
        sock.sendall(device.head(f"/softwaremodules/{release}/artifacts/a.bin"))
        data = sock.recv(1000)
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(OSError):
            server.connect()
        data += read_all(sock)
    assert data.endswith(firmware[-1000:]) and len(data) > len(firmware)
    assert server.process.wait(timeout=10) == 0


def test_a_stop_under_load(make, pki):
    """Requests on open connections and halves of handshakes that come while it stops do not bring it down."""
    for _ in range(3):
        server = make(tls=tls_config(pki, "no"), limits="address_rate = 0\ndevice_rate = 0")
        context, over = tls_context(pki, "server-ca"), threading.Event()

        def ask():
            try:
                with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as tls:
                    stream = tls.makefile("rb")
                    while not over.is_set():
                        tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n"
                                    b"GET /DEFAULT/controller/v1/nobody HTTP/1.1\r\nHost: t\r\n\r\n")
                        read_answer(stream)
                        read_answer(stream)
            except (OSError, IndexError):
                pass

        def hesitate():
            while not over.is_set():
                try:
                    with server.connect() as sock:
                        for byte in b"\x16\x03\x01\x00":
                            sock.sendall(bytes([byte]))
                            time.sleep(0.001)
                except OSError:
                    pass

        threads = [threading.Thread(target=target) for target in (ask, ask, ask, hesitate, hesitate)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        server.stop()  # its status is 0
        over.set()
        for thread in threads:
            thread.join()


def test_socket_activation_and_notification(make, tmp_path):
    server = Server(tmp_path, f"sqlite:{tmp_path}/server.db")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(20)
    config = server.write_config()
    config.write_text(config.read_text().replace("listen = 127.0.0.1:0\n", ""))
    # The shell's $$ is the program's number after exec, as systemd has it.
    with subprocess.Popen(["sh", "-c", f"LISTEN_PID=$$ LISTEN_FDS=1 exec {BUILD}/slotseal serve --config {config}"],
                          stdout=subprocess.PIPE, preexec_fn=lambda: os.dup2(listener.fileno(), 3), pass_fds=[3],
                          env={**CONFINED, "NOTIFY_SOCKET": str(tmp_path / "notify")}, text=True) as process:
        try:
            assert told.recv(100) == b"READY=1"
            server.port = listener.getsockname()[1]
            assert process.stdout.readline() == f"listening on port {server.port}\n"
            assert server.call("GET", "/readyz").status == 200
            process.send_signal(signal.SIGHUP)
            assert [told.recv(100) for _ in range(2)] == [b"RELOADING=1", b"READY=1"]
            process.send_signal(signal.SIGTERM)
            assert told.recv(100) == b"STOPPING=1"
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()


def test_no_secret_in_the_log(make, tmp_path):
    token = tmp_path / "gateway"
    token.write_text("a-token-of-the-gateway\n")
    server = make(extra=f"gateway_token = {token}\n[log]\nlevel = debug")
    device = server.device("dev")
    device.get()
    device.get(Authorization="TargetToken not-its-token")
    device.get(Authorization="GatewayToken a-token-of-the-gateway")
    server.manage("POST", "/operators", {"name": "second"}, 201)
    server.stop()
    log = server.log.read_text()
    for secret in (device.token, server.token, "a-token-of-the-gateway", "not-its-token"):
        assert secret not in log
    assert "credential refused" in log
