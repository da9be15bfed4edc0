# SPDX-License-Identifier: Apache-2.0
"""What docs/operations.md tells a new user to type works as it is written: only folders, addresses and systemd are others."""
import os
import random
import re
import shutil
import subprocess
import time

import pytest

from conftest import BUILD, ONCE, ROOT
from pull_bench import app
from test_server_sealed import Fleet, chunk_of, tell, token_of, wait_for
from test_swupdate import free_port
from update_server import Device, Postgres, Server, certificate

pytestmark = ONCE

DEVICE = "240ac412345e"
# What needs a whole machine; and the CA is one that no machine knows. systemd starts the server with the vault's key as a credential.
MACHINE = """
set -eu
useradd() { :; }
chown() { :; }
curl() { command curl -fsS --cacert ca.pem "$@"; }
slotseal() {
    case "$1 $2" in
    "release upload" | "release list" | "device assign" | "device history" | "device register" | "product opaque") set -- "$@" --server-ca ca.pem ;;
    esac
    command slotseal "$@"
}
systemctl() {
    mkdir "$CREDENTIALS_DIRECTORY"
    cp ETC/vault.key "$CREDENTIALS_DIRECTORY"
    timeout --foreground 100 slotseal serve --config ETC/server.conf &
    trap "kill $!; wait" EXIT
    for _ in $(seq 100); do
        curl URL/readyz 2>/dev/null && return
        sleep 0.1
    done
}
"""
# What the document says that there is, or what another document is about.
PROVISIONED = f"""
(umask 077; head -c 32 /dev/urandom >flash.key)
(umask 077; openssl rand -base64 32 | tr -d = | tr +/ -_ >device.token)
slotseal device import --product lamp --device {DEVICE} --flash-key flash.key
slotseal device credential {DEVICE} --token device.token
"""


def blocks(document, first, last):
    """What stands in its code blocks between two headings."""
    text = (ROOT / "docs" / document).read_text()
    section = text[text.index(f"\n## {first}\n") : text.index(f"\n## {last}\n")]
    return re.findall(r"^```\n(.*?)^```", section, re.M | re.S)


def test_a_new_user(tmp_path):
    work, etc = tmp_path / "work", tmp_path / "etc"
    for folder in (work, etc):
        folder.mkdir()
    url = f"https://127.0.0.1:{free_port()}"
    certificate(work, "ca", ca=True)
    certificate(work, "server", "ca")
    for name in ("server.pem", "server.key"):
        (work / name).rename(etc / name)
    shutil.copy(ROOT / "examples/forum/partitions.csv", work)
    (work / "app.bin").write_bytes(app("1.4.0", 100000))
    (work / "fw.swu").write_bytes(b"an image for swupdate")

    def here(text):
        for there, place in (("https://updates.example.com", url), ("0.0.0.0:443", url[8:]), ("URL", url),
                             ("/etc/slotseal", str(etc)), ("ETC", str(etc)), ("/var/lib/slotseal", str(tmp_path / "lib"))):
            text = text.replace(there, place)
        return text

    begin, config, keys, start, release = blocks("operations.md", "One machine, SQLite", "TLS and client certificates")
    (opaque,) = blocks("server-api.md", "Opaque products", "The store")
    script = "".join([MACHINE, begin, f"cat >ETC/server.conf <<'END'\n{config}END\n", keys, PROVISIONED, start, release,
                      opaque, "slotseal device history gateway-7\n"])
    done = subprocess.run(["bash", "-c", here(script)], cwd=work, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}",
                               "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"), "ASAN_OPTIONS": "detect_leaks=0"})
    assert done.returncode == 0, done.stderr[-3000:]
    assert "ready\n" in done.stdout
    for version in ("1.4.0", "2.1"):
        assert f": {version}, running, by ann\n" in done.stdout, done.stdout
    assert "error" not in done.stderr, done.stderr


class FleetOfRoles(Fleet):
    """Its vault is in the database that the document has an administrator make."""

    def __init__(self, folder, postgres):
        self.postgres = postgres
        (sql,) = blocks("operations.md", "PostgreSQL, several nodes", "Without any key on the server")
        self.say(sql, "postgres", postgres.user.pw_name)
        super().__init__(folder, random.Random("roles"), [DEVICE])

    def say(self, sql, database, role):
        return subprocess.run([self.postgres.programs / "psql", "-qtA", "-v", "ON_ERROR_STOP=1", "-h", self.postgres.folder,
                               "-U", role, database], input=sql, capture_output=True, text=True)

    def url(self, role):
        return f"postgresql://{role}@/slotseal?host={self.postgres.folder}"

    def init_vault(self):
        self.env["SLOTSEAL_VAULT"] = self.url("slotseal_sealer")
        super().init_vault()


def test_roles_of_a_database(tmp_path):
    """Front and sealer have a role each, which cannot read what is the other's; the sealer has one connection."""
    database = tmp_path / "database"
    database.mkdir()
    postgres = Postgres(database)
    if not postgres.programs:
        pytest.skip("PostgreSQL is not installed")
    fleet = FleetOfRoles(tmp_path, postgres)
    server = Server(tmp_path / "front", fleet.url("slotseal_front"), extra=fleet.config()).start()
    wait_for(lambda: server.manage("GET", "/devices")["devices"])
    release = fleet.upload(server)
    device = Device(server, DEVICE, token_of(DEVICE))
    tell(device, "ota_0")
    chunk_of(device, server.assign(DEVICE, release))
    tables = {schema: fleet.say(f"SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = '{schema}'::regnamespace",
                                "slotseal", "slotseal_sealer").stdout.split()
              for schema in ("slotseal_server", "slotseal_vault")}
    assert "actions" in tables["slotseal_server"] and "secrets" in tables["slotseal_vault"]
    for role, schema in (("slotseal_front", "slotseal_vault"), ("slotseal_sealer", "slotseal_server")):
        for table in tables[schema]:
            for sql in ("SELECT count(*) FROM", "DELETE FROM"):
                done = fleet.say(f"{sql} {schema}.{table}", "slotseal", role)
                assert done.returncode and f"permission denied for schema {schema}" in done.stderr, (role, table, done)
    connections = fleet.say("SELECT count(*) FROM pg_stat_activity WHERE usename = 'slotseal_sealer'", "slotseal", "slotseal_sealer")
    assert connections.stdout == "2\n"  # the sealer's, and that which asks
    # The database is away for a while: said once, as an error, by the sealer.
    postgres.process.kill()
    postgres.process.wait()
    wait_for(lambda: "the vault cannot be opened" in server.log.read_text())
    time.sleep(1.5)
    postgres.launch()
    wait_for(lambda: 'level=info message="the vault is there again"' in server.log.read_text())
    wait_for(lambda: server.call("GET", "/readyz").status == 200)
    assert server.log.read_text().count('level=error message="the vault cannot be opened" reason=') == 1
    assert device.get(f"/softwaremodules/{release}/artifacts/ota_1.bin").body == fleet.sealed(DEVICE, "ota_1")
    server.stop()
    postgres.stop()
