# SPDX-License-Identifier: Apache-2.0
"""A sealer whose keys are in a token (SoftHSM2) and whose vault is in PostgreSQL: confined like any other."""
import random
import subprocess

import pytest

from conftest import ONCE, call_slotseal
from test_server_sealed import Fleet, chunk_of, tell, token_of, wait_for
from test_tokens import Token
from update_server import Device, Postgres, Server

pytestmark = ONCE

DEVICES = ["240ac4000021", "240ac4000022"]


class TokenFleet(Fleet):
    """The vault's key and the delivery key never leave the token."""

    def __init__(self, folder, postgres, token):
        self.postgres, self.token = postgres, token
        super().__init__(folder, random.Random("token"), DEVICES)

    def init_vault(self):
        self.delivery_key = self.token.uri("delivery")
        self.env.update(self.token.env, SLOTSEAL_VAULT=self.postgres.new_database(),
                        SLOTSEAL_VAULT_KEY=self.token.uri("vault"))
        call_slotseal("key", "generate", "--type", "secure-boot-v1", "-o", self.delivery_key, env=self.env)
        call_slotseal("vault", "init", "--key", self.token.uri("vault"), "--generate-key", env=self.env)

    def cut_connections(self):
        subprocess.run([self.postgres.programs / "psql", "-q", self.env["SLOTSEAL_VAULT"], "-c", "SELECT "
                        "pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"], check=True,
                       stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    postgres = Postgres(tmp_path_factory.mktemp("database"))
    if not postgres.programs:
        pytest.skip("PostgreSQL is not installed")
    yield postgres
    postgres.stop()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, postgres):
    token = tmp_path_factory.mktemp("token")
    token.chmod(0o700)
    return TokenFleet(tmp_path_factory.mktemp("fleet"), postgres, Token(token))


def serve(fleet, name, more="", config=None):
    front = fleet.folder / name
    front.mkdir(exist_ok=True)
    server = Server(front, f"sqlite:{front}/server.db", extra=(config or fleet.config()) + "\n" + more)
    return server.start(SOFTHSM2_CONF=fleet.token.env["SOFTHSM2_CONF"])


def is_ready(server):
    return server.call("GET", "/readyz").status == 200


def test_sealed_by_a_token_behind_landlock(fleet):
    server = serve(fleet, "front")
    try:
        wait_for(lambda: is_ready(server))
        wait_for(lambda: len(server.manage("GET", "/devices")["devices"]) == len(DEVICES))
        assert "confined: Landlock yes" in server.log.read_text()
        release = fleet.upload(server)
        for number, name in enumerate(DEVICES):
            device = Device(server, name, token_of(name))
            tell(device, "ota_0")
            action = server.assign(name, release)
            if number:  # the vault is opened again, token and all, by the confined process
                fleet.cut_connections()
                wait_for(lambda: device.get(f"/deploymentBase/{action}").status == 200)
            chunk_of(device, action)
            path = f"/softwaremodules/{release}/artifacts/ota_1.bin"
            assert device.get(path).body == fleet.sealed(name, "ota_1")
    finally:
        server.stop()


def test_a_module_that_needs_more(fleet, tmp_path):
    """Its files are not those that the program knows: it says so at once; listed, it works; or nothing is confined."""
    vendor = tmp_path / "vendor.so"
    vendor.symlink_to(fleet.token.module)
    config = fleet.config().replace(str(fleet.token.module), str(vendor))
    server = serve(fleet, "unlisted", config=config)
    try:
        wait_for(lambda: "the sealer does not start" in server.log.read_text())
    finally:  # whether the server gives up or tries again hangs on what the module says
        server.process.terminate()
        server.process.wait(timeout=30)
    log = server.log.read_text()
    assert "confined: Landlock yes" in log
    assert "confined, the sealer cannot use its vault or token (readable and writable in [sealer] add files" in log
    listed = f"readable = {fleet.token.env['SOFTHSM2_CONF']}\nwritable = {fleet.token.folder}/tokens"
    for name, more, said in (("listed", listed, "confined: Landlock yes"),
                             ("open", "confine_files = no", 'message="the sealer can use all files"')):
        server = serve(fleet, name, more, config)
        try:
            wait_for(lambda: is_ready(server))
            assert said in server.log.read_text()
        finally:
            server.stop()
