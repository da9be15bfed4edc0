# SPDX-License-Identifier: Apache-2.0
"""Starts the real update server, and PostgreSQL for it, and talks to it: by http.client, or byte by byte."""
import contextlib
import ctypes
import glob
import hashlib
import http.client
import json
import os
import pathlib
import pwd
import signal
import socket
import ssl
import subprocess
import threading
import time
import types

from conftest import BUILD, LIFE

TENANT = "DEFAULT"
# A confined process cannot be traced, which is how the leak sanitizer looks at it.
CONFINED = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def let_others_in(folder):
    """As root: other users may pass through @folder, and what it lies in, to what is theirs."""
    for path in (folder, *folder.parents):
        if path.stat().st_uid == 0 and not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o011)


class Postgres:
    """A server of our own on a Unix socket; as root it runs as another user, as it insists to."""

    def __init__(self, folder):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        self.programs = pathlib.Path(programs[-1]) if programs else None
        self.user = pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("postgres")
        self.folder = folder / "pg"
        self.folder.mkdir()
        self.count = 0
        if os.getuid() == 0:
            let_others_in(folder)
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        data = self.folder / "data"
        subprocess.run([self.programs / "initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                        "--no-sync"], check=True, stdout=subprocess.DEVNULL, preexec_fn=self.become)
        self.launch()

    def launch(self):
        command = [self.programs / "postgres", "-D", self.folder / "data", "-c", "listen_addresses=", "-c",
                   f"unix_socket_directories={self.folder}", "-c", "fsync=off", "-c", "shared_buffers=16MB"]
        self.process = None
        for _ in range(400):
            if not self.process or self.process.poll() is not None:  # after a crash: what is left of it ends first
                self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                                preexec_fn=self.become)
            if subprocess.run([self.programs / "pg_isready", "-q", "-h", self.folder]).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL does not come up")

    def crash(self):
        """kill -9, and started again on its data."""
        self.process.kill()
        self.process.wait()
        self.launch()

    @contextlib.contextmanager
    def frozen(self):
        """It takes connections and says nothing. As a disk that does not answer would have it."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for number in (pid, *map(int, children)):
            os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            for number in (*map(int, children), pid):
                os.kill(number, signal.SIGCONT)

    def become(self):
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG

    def new_database(self):
        self.count += 1
        name = f"test{self.count}"
        subprocess.run([self.programs / "createdb", "-h", self.folder, "-U", self.user.pw_name, name], check=True)
        return f"postgresql://{self.user.pw_name}@/{name}?host={self.folder}"

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()


class Server:
    """`slotseal serve` on a store, with one operator."""
    program = BUILD / "slotseal"
    life = LIFE

    def __init__(self, folder, store, tls=None, extra="", limits="", operator=True):
        self.folder = pathlib.Path(folder)
        self.store, self.tls, self.process = store, tls, None
        self.extra, self.limits = extra, limits
        self.port = 0
        self.url = f"{'https' if tls else 'http'}://updates.test"
        self.token = None
        self.log = self.folder / "server.log"
        if operator:
            self.add_operator("tester")

    def add_operator(self, name):
        path = self.folder / f"{name}.token"
        subprocess.run([BUILD / "slotseal", "operator", "add", name, "--store", self.store, "-o", path], check=True)
        self.token = path.read_text().strip()

    def write_config(self):
        lines = ["[server]", f"listen = 127.0.0.1:{self.port}", f"url = {self.url}",
                 f"store = {self.store}", self.tls or "plain_http = yes", "threads = 2", self.extra, "[limits]",
                 "address_rate = 0", "device_rate = 0", self.limits, ""]
        text = "\n".join(lines)
        for key in ("address_rate", "device_rate"):
            if key in self.limits:
                text = text.replace(f"{key} = 0\n", "", 1)
        path = self.folder / "server.conf"
        path.write_text(text)
        return path

    def start(self, *options, preexec=None, **environment):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["timeout", "--foreground", str(self.life), self.program, "serve", "--config", self.write_config(),
                 *options], stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=preexec,
                env={**CONFINED, **environment})
        line = self.process.stdout.readline()
        assert line.startswith("listening on port "), self.log.read_text()
        self.port = int(line.split()[-1])
        return self

    def signal(self, number):
        """To the server itself, not to its timeout."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        os.kill(int(children[0]), number)

    def stop(self):
        self.signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0, self.log.read_text()[-4000:]

    def connect(self, timeout=20):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def raw(self, data, timeout=20):
        """Sends bytes, ends sending, and reads what comes until the server ends the connection."""
        with self.connect(timeout) as sock:
            sock.sendall(data)
            return read_all(sock)

    def call(self, method, path, body=None, headers=None, context=None):
        if self.tls:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            data = response.read()
            return types.SimpleNamespace(status=response.status, headers=response.headers, body=data,
                                         json=lambda: json.loads(data))
        finally:
            connection.close()

    def manage(self, method, path, value=None, code=200, headers=None, data=None, context=None):
        """The management API, with the operator's token."""
        head = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if value is not None:
            head["Content-Type"] = "application/json"
            data = json.dumps(value)
        answer = self.call(method, "/api/v1" + path, data, head, context)
        assert answer.status == code or (code is None and answer.status < 300), (method, path, answer.status, answer.body)
        return answer.json()

    def upload(self, data, kind="opaque"):
        digest = hashlib.sha256(data).hexdigest()
        upload = self.manage("POST", "/uploads", {"kind": kind, "length": len(data), "sha256": digest}, 201)
        while upload["state"] == "open":
            at = upload["received"]
            upload = self.manage("PUT", f"/uploads/{upload['id']}?offset={at}", data=data[at : at + (1 << 20)],
                                 headers={"Content-Type": "application/octet-stream"})
        return upload["id"]

    def opaque_release(self, product, version, files):
        """A release of a product without sealing; @files: name → bytes. Its number."""
        self.manage("PUT", f"/products/{product}", {"kind": "opaque"})
        listed = [{"file": name, "upload": self.upload(data)} for name, data in files.items()]
        return self.manage("POST", "/releases", {"product": product, "version": version, "files": listed}, 201)["id"]

    def device(self, name, product="lamp", **credential):
        """A registered device of an opaque product."""
        self.manage("PUT", f"/products/{product}", {"kind": "opaque"})
        token = f"token-of-{name}"
        if not credential:
            credential = {"token_sha256": hashlib.sha256(token.encode()).hexdigest()}
        self.manage("PUT", f"/devices/{name}", {"product": product, **credential})
        return Device(self, name, token)

    def assign(self, device, release, code=201, **options):
        return self.manage("POST", f"/devices/{device}/actions", {"release": release, **options}, code)["id"]


class Device:
    """One device's view of the server."""

    def __init__(self, server, name, token):
        self.server, self.name, self.token = server, name, token
        self.base = f"/{TENANT}/controller/v1/{name}"
        self.authorization = f"TargetToken {token}"

    def call(self, method, path="", value=None, headers=None, data=None, context=None):
        head = {"Authorization": self.authorization, **(headers or {})}
        if head["Authorization"] is None:
            del head["Authorization"]
        if value is not None:
            head.setdefault("Content-Type", "application/json")
            data = json.dumps(value)
        return self.server.call(method, self.base + path, data, head, context)

    def get(self, path="", **headers):
        return self.call("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def links(self):
        answer = self.get()
        assert answer.status == 200, answer.body
        return {k: v["href"].split(self.base, 1)[-1] for k, v in answer.json()["_links"].items()}

    def feedback(self, action, execution, finished, *details, to="deploymentBase", code=200, **more):
        status = {"execution": execution, "result": {"finished": finished}, "details": list(details), **more}
        answer = self.call("POST", f"/{to}/{action}/feedback", {"status": status})
        assert answer.status == code, answer.body
        return answer

    def head(self, path="", method="GET", *lines):
        """A request's head for raw connections."""
        return "\r\n".join([f"{method} {self.base}{path} HTTP/1.1", "Host: t", f"Authorization: {self.authorization}",
                            *lines, "", ""]).encode()


class Relay:
    """Stands between clients and a server. carry() of a subclass does what goes wrong on the way."""

    def __init__(self, server, port=0):
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread that waits
        self.listener.close()


def read_all(sock):
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def read_answer(stream):
    """One answer from a file of a raw connection: status and body."""
    status = int(stream.readline().split()[1])
    length = 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, stream.read(length)


def certificate(folder, name, issuer=None, ca=False, usage=None, serial=None, names=("127.0.0.1",)):
    """A P-256 certificate and key as PEM files, signed by @issuer (another one's name) or itself."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer_name, issuer_key = subject, key
    if issuer:
        parent = x509.load_pem_x509_certificate((folder / f"{issuer}.pem").read_bytes())
        issuer_name = parent.subject
        issuer_key = serialization.load_pem_private_key((folder / f"{issuer}.key").read_bytes(), None)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer_name).public_key(key.public_key())
               .serial_number(serial or x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
               .not_valid_after(now + datetime.timedelta(days=30))
               .add_extension(x509.BasicConstraints(ca, None), critical=True))
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if not ca:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(n)) for n in names]), critical=False)
    signed = builder.sign(issuer_key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return signed


def tls_context(folder, ca, client=None):
    context = ssl.create_default_context(cafile=folder / f"{ca}.pem")
    if client:
        context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    return context
