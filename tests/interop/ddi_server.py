# SPDX-License-Identifier: Apache-2.0
"""A small scripted DDI server for tests: says what docs/device-protocol.md says, and on demand the wrong thing.

Standard library only; certificates are made by openssl. A test offers updates, looks at what devices told and asked, and
bends answers with `server.bend`, a function of (request, answer) that returns the answer to send, or None for no answer
at all.
"""
import base64
import dataclasses
import hashlib
import json
import re
import socket
import ssl
import subprocess
import threading
import time


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# -- Certificates ------------------------------------------------------------------------------------------------------


class Authority:
    """A CA, and certificates by it."""

    def __init__(self, folder, name):
        self.key, self.pem = folder / f"{name}.key", folder / f"{name}.pem"
        self.folder, self.name = folder, name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
                self.pem, "-days", "3650", "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign")
        self.der = ssl.PEM_cert_to_DER_cert(self.pem.read_text())
        self.sha256 = hashlib.sha256(self.der).hexdigest()

    def certificate(self, name, *extensions):
        """Files of a key and its certificate."""
        key, request, pem = (self.folder / f"{self.name}-{name}.{end}" for end in ("key", "csr", "pem"))
        conf = self.folder / f"{self.name}-{name}.ext"
        conf.write_text("\n".join(extensions) + "\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-CAcreateserial", "-days", "3650",
                "-extfile", conf, "-out", pem)
        return key, pem

    def server(self, name="localhost"):
        return self.certificate(name, f"subjectAltName=DNS:{name}", "extendedKeyUsage=serverAuth")


def openssl(*args):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


# -- What goes over the line -------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes
    peer: str  # common name of the client's certificate, empty: none
    secure: bool
    size: int  # bytes, all of it
    sent: int = 0  # bytes of the answer that went out, all of it
    status: int = 0

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def first(self):
        """Offset of the first byte that is wanted."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0


@dataclasses.dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict = dataclasses.field(default_factory=dict)
    raw: bytes = None  # instead of everything else
    cut: int = None  # the connection ends after so many bytes of the body
    hold: float = 0  # seconds of silence before it ends
    slow: tuple = None  # (bytes, seconds): so many at a time, so long between
    endless: bytes = None  # repeated behind the body until the client has gone

    def bytes(self):
        if self.raw is not None:
            return self.raw
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} X"] + [f"{k}: {v}" for k, v in headers.items() if v is not None]
        body = self.body if self.cut is None else self.body[: self.cut]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclasses.dataclass
class Offer:
    action: int
    sealed: bytes
    release: bytes
    delivery: bytes
    version: str = "2.0.0"
    slot: str = "ota_1"
    address: int = 0x160000
    etag: str = None
    cancelled: bool = False

    def __post_init__(self):
        self.etag = self.etag or '"' + hashlib.sha256(self.delivery).hexdigest()[:20] + '"'


class Device:
    def __init__(self, token):
        self.token, self.offer, self.attributes = token, None, {}
        self.feedback = []  # (action, execution, finished, details), in order
        self.cancel_feedback = []
        self.freshness = None

    def words(self):
        """What it reported of updates: [0] of the details of each."""
        return [details[0] for _, _, _, details in self.feedback]


class DdiServer:
    """Listens on a port of its own until stop(). `devices` by id; what is asked is in `requests`, in order."""

    def __init__(self, tls=None, client_ca=None, tenant="DEFAULT", sleep="00:05:00"):
        self.devices, self.requests, self.bend = {}, [], None
        self.key_sets, self.cas = {}, {}  # statement by the version that it follows; DER by SHA-256
        self.tenant, self.sleep, self.tell_key_set = tenant, sleep, False
        self.lock = threading.Lock()
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(str(tls[1]), str(tls[0]))
            if client_ca:
                self.context.load_verify_locations(str(client_ca))
                self.context.verify_mode = ssl.CERT_OPTIONAL
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self.socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self.stopped, self.connections = False, set()
        threading.Thread(target=self.listen, daemon=True).start()

    def stop(self):
        self.stopped = True
        # Closing alone would not wake the thread that waits.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        with self.lock:
            for connection in self.connections:
                connection.close()

    def listen(self):
        while not self.stopped:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    # -- One connection ------------------------------------------------------------------------------------------------

    def serve(self, connection):
        try:
            connection.settimeout(30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with self.lock:
                self.connections.add(connection)
            with connection, connection.makefile("rb") as stream:
                while self.one(connection, stream):
                    pass
        except (OSError, ValueError):
            pass  # the client went away, or does not trust us
        finally:
            self.connections.discard(connection)
            connection.close()

    def one(self, connection, stream):
        request = self.read(connection, stream)
        if not request:
            return False
        with self.lock:
            self.requests.append(request)
            answer = self.route(request)
        if self.bend:
            answer = self.bend(request, answer)
        if answer is None:
            return False
        request.status = answer.status
        return self.send(connection, request, answer)

    def read(self, connection, stream):
        line = stream.readline(4096)
        if not line.strip():
            return None
        size, headers = len(line), {}
        method, path, _ = line.decode().split(" ")
        while (header := stream.readline(4096)).strip():
            size += len(header)
            name, value = header.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        peer = connection.getpeercert() if self.context else None
        names = [value for part in (peer or {}).get("subject", ()) for key, value in part if key == "commonName"]
        return Request(method, path, headers, body, names[0] if names else "", bool(self.context), size + 2 + len(body))

    def send(self, connection, request, answer):
        data = answer.bytes()
        step = answer.slow[0] if answer.slow else len(data) or 1
        for at in range(0, len(data), step):
            connection.sendall(data[at : at + step])
            request.sent += len(data[at : at + step])
            if answer.slow:
                time.sleep(answer.slow[1])
        while answer.endless:
            connection.sendall(answer.endless)
            request.sent += len(answer.endless)
        if answer.hold:
            time.sleep(answer.hold)
        return answer.raw is None and answer.cut is None and not answer.hold

    # -- What is right -------------------------------------------------------------------------------------------------

    def route(self, request):
        path = request.path.split("?")[0]
        for pattern, handler in self.ROUTES:
            found = re.fullmatch(f"/{re.escape(self.tenant)}{pattern}", path)
            if found:
                return handler(self, request, *found.groups())
        return Answer(404)

    def of_device(handler):
        def checked(self, request, name, *rest):
            device = self.devices.get(name)
            if not device:
                return Answer(404)
            if request.peer != name and request.headers.get("authorization") != f"TargetToken {device.token}":
                return Answer(401)
            return handler(self, request, device, f"{self.url}/{self.tenant}/controller/v1/{name}", *rest)

        return checked

    @of_device
    def poll(self, request, device, base):
        links, offer = {}, device.offer
        if offer and offer.cancelled:
            links["cancelAction"] = {"href": f"{base}/cancelAction/{offer.action + 1}"}
        elif offer:
            links["deploymentBase"] = {"href": f"{base}/deploymentBase/{offer.action}?c=-2127183556"}
        version = int(device.attributes.get("slotseal.key_set", 0))
        if self.tell_key_set and version in self.key_sets:
            product = next(iter(self.key_sets[version]))
            links["keySet"] = {"href": f"{self.url}/{self.tenant}/keyset/v1/{product}/after/{version}"}
        if device.freshness:
            links["freshness"] = {"href": f"{base}/freshness"}
        return in_json({"config": {"polling": {"sleep": self.sleep}}, "_links": links})

    @of_device
    def config(self, request, device, base):
        assert request.json["mode"] == "merge"
        device.attributes.update(request.json["data"])
        return Answer()

    @of_device
    def deployment(self, request, device, base, action):
        offer = device.offer
        if not offer or offer.action != int(action) or offer.cancelled:
            return Answer(404)
        metadata = {"slotseal.release": base64url(offer.release), "slotseal.delivery": base64url(offer.delivery),
                    "slotseal.slot": offer.slot, "slotseal.address": hex(offer.address)}
        artifact = {"filename": f"{offer.version}.bin", "size": len(offer.sealed),
                    "hashes": {"sha256": hashlib.sha256(offer.sealed).hexdigest()},
                    "_links": {"download": {"href": f"{base}/softwaremodules/1/artifacts/{offer.version}.bin"}}}
        chunk = {"part": "bApp", "version": offer.version, "name": "app",
                 "metadata": [{"key": k, "value": v} for k, v in metadata.items()], "artifacts": [artifact]}
        return in_json({"id": action, "deployment": {"download": "forced", "update": "forced", "chunks": [chunk]}})

    @of_device
    def feedback(self, request, device, base, action):
        offer, status = device.offer, request.json["status"]
        if not offer or offer.action != int(action):
            return Answer(410)
        entry = (int(action), status["execution"], status["result"]["finished"], status.get("details", []))
        device.feedback.append(entry)
        if entry[1] == "closed":
            device.offer = None
        return Answer()

    @of_device
    def cancel(self, request, device, base, action):
        offer = device.offer
        if not offer or not offer.cancelled or int(action) != offer.action + 1:
            return Answer(404)
        return in_json({"id": action, "cancelAction": {"stopId": str(offer.action)}})

    @of_device
    def cancelled(self, request, device, base, action):
        status = request.json["status"]
        device.cancel_feedback.append((int(action), status["execution"], status["result"]["finished"],
                                       status.get("details", [])))
        if status["execution"] == "closed":
            device.offer = None
        elif device.offer:
            device.offer.cancelled = False
        return Answer()

    @of_device
    def download(self, request, device, base, name):
        offer = device.offer
        if not offer:
            return Answer(404)
        headers = {"ETag": offer.etag, "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        size, first = len(offer.sealed), request.first
        if "range" not in request.headers or request.headers.get("if-range", offer.etag) != offer.etag:
            return Answer(200, offer.sealed, headers)
        if first >= size:
            return Answer(416, b"", {**headers, "Content-Range": f"bytes */{size}"})
        return Answer(206, offer.sealed[first:], {**headers, "Content-Range": f"bytes {first}-{size - 1}/{size}"})

    @of_device
    def fresh(self, request, device, base):
        return Answer(200, device.freshness) if device.freshness else Answer(404)

    def key_set(self, request, product, version):
        found = self.key_sets.get(int(version), {}).get(product)
        return Answer(200, found, {"Content-Type": "application/cose"}) if found else Answer(404)

    def ca(self, request, digest):
        found = self.cas.get(digest)
        return Answer(200, found, {"Content-Type": "application/pkix-cert"}) if found else Answer(404)

    BASE = r"/controller/v1/([^/]+)"
    ROUTES = (
        (BASE, poll),
        (BASE + "/configData", config),
        (BASE + r"/deploymentBase/(\d+)", deployment),
        (BASE + r"/deploymentBase/(\d+)/feedback", feedback),
        (BASE + r"/cancelAction/(\d+)", cancel),
        (BASE + r"/cancelAction/(\d+)/feedback", cancelled),
        (BASE + r"/softwaremodules/\d+/artifacts/([^/]+)", download),
        (BASE + "/freshness", fresh),
        (r"/keyset/v1/([^/]+)/after/(\d+)", key_set),
        (r"/ca/v1/([0-9a-f]{64})", ca),
    )

    # -- What a test asks ----------------------------------------------------------------------------------------------

    def downloads(self):
        return [r for r in self.requests if "/artifacts/" in r.path]

    def traffic(self):
        """Bytes in both directions, headers included."""
        return sum(r.size + r.sent for r in self.requests)


def in_json(value):
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/hal+json"})
