# SPDX-License-Identifier: Apache-2.0
"""Updates from end to end with real processes: a chip that was provisioned is run as a device and pulls from a server
that says the right thing, and every kind of wrong one."""
import dataclasses
import json
import subprocess

import pytest
from conftest import BUILD, ONCE, served_chip
from ddi_server import Answer, Authority, DdiServer, Device, openssl
from pull_bench import MAC, PRODUCT, TABLE, TEMPLATE, WINDOW, Bench, app

pytestmark = ONCE
INSTALLED = ["accepted", "selected", "confirmed"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("pull"))
    yield bench
    bench.server.stop()


@pytest.fixture
def chip(bench, tmp_path):
    return bench.chip(tmp_path / "chip")


def downloads(bend):
    """@bend for downloads only, with the number of the download; other answers stay as they are."""
    count = iter(range(10**6))

    def wrapped(request, answer):
        return bend(next(count), request, answer) if "/artifacts/" in request.path else answer

    return wrapped


def expect_old_app(chip, cause, *, details):
    """The update did not come to anything, and the server knows why."""
    chip.runs("1.0.0", "ota_0", chip.of("ended")[-1]["state"])
    assert chip.device.feedback[-1][1:] == ("closed", "failure", details)
    assert chip.of("ended")[-1]["cause"] == cause


def with_settings(bench, chip, url, *options, device=MAC, token=True):
    """Writes its NVS partition anew, as a repair station would; returns its token."""
    new = ["--new-token", chip.folder / "token"] if token else []
    bench.slotseal("device", "config", "--device", device, "--table", TABLE, *new, "--update-server", url, "--ca",
                   bench.authority.pem, *options, "-o", chip.folder / "nvs.bin")
    flash = bytearray((chip.folder / "flash.bin").read_bytes())
    flash[0x9000:0xD000] = (chip.folder / "nvs.bin").read_bytes()
    (chip.folder / "flash.bin").write_bytes(flash)
    return (chip.folder / "token").read_text().strip() if token else None


# -- What is meant to happen ---------------------------------------------------------------------------------------------


def test_there_and_back(chip):
    server = chip.bench.server
    for n, (version, slot) in enumerate([("2.0.0", "ota_1"), ("3.0.0", "ota_0"), ("4.0.0", "ota_1")], 1):
        offer = chip.offer(version, slot, n)
        server.requests.clear()
        chip.run().runs(version, slot)
        assert chip.slot(slot, len(offer.sealed)) == offer.sealed
        assert set(chip.slot(slot, 0x150000)[len(offer.sealed) + 4096 :]) == {0xFF}
        assert chip.device.words() == INSTALLED * n
        assert chip.device.attributes["slotseal.version"] == version
        assert chip.device.attributes["slotseal.sequence"] == str(n)
        # One download, and nothing else of size. The statements are large beside so small an image.
        assert sum(r.sent for r in server.downloads()) < len(offer.sealed) + 400
    assert all(r.headers["authorization"].startswith("TargetToken ") for r in server.requests)


def test_what_goes_over_the_line(chip):
    """Of an image that fills its slot, all that is not image is within 2 %."""
    offer = chip.offer("2.0.0", "ota_1", 1, size=0x14E000)
    chip.run().runs("2.0.0", "ota_1")
    server, ended = chip.bench.server, chip.of("ended")[-1]
    assert server.traffic() <= len(offer.sealed) * 1.02
    assert ended["received"] + ended["sent"] <= len(offer.sealed) * 1.02
    # The slot was blank: nothing to erase. Beside its pages there are two records of otadata and a few of the agent.
    least = len(offer.sealed) / 256 * 0.0007
    assert least < ended["flash_seconds"] < least * 1.03 + 0.1


@pytest.mark.parametrize("name", ["demo-keyed-1.0.0", "demo-keyed-2.0.0"])
def test_the_demo_firmware(bench, chip, name):
    """It has its own block for the key set, and comes from a linker."""
    image = BUILD / f"firmware/{name}.bin"
    if not image.exists():
        pytest.skip("no Xtensa compiler")
    chip.device.offer = bench.parcel(name[-5:], "ota_1", 1, size=image)
    chip.run().runs(name[-5:], "ota_1")
    chip.offer("3.0.0", "ota_0", 2)
    chip.run().runs("3.0.0", "ota_0")


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_a_device_with_a_client_certificate(bench, chip, tmp_path, form):
    key, pem = bench.authority.certificate(MAC, "extendedKeyUsage=clientAuth")
    if form == "DER":
        openssl("pkey", "-in", key, "-outform", "DER", "-out", tmp_path / "key")
        openssl("x509", "-in", pem, "-outform", "DER", "-out", tmp_path / "certificate")
        key, pem = tmp_path / "key", tmp_path / "certificate"
    server = DdiServer(bench.certificate, client_ca=bench.authority.pem)
    with_settings(bench, chip, server.url, "--client-key", key, "--client-cert", pem, token=False)
    server.devices = {MAC: Device("no token")}
    server.devices[MAC].offer = bench.parcel()
    chip.run().runs("2.0.0", "ota_1")
    assert server.devices[MAC].words() == INSTALLED
    assert {r.peer for r in server.requests} == {MAC}
    assert not any("authorization" in r.headers for r in server.requests)
    server.stop()


def test_an_app_that_trusts_nobody_is_noticed(bench, tmp_path):
    plain, pinned = tmp_path / "plain.bin", bench.folder / bench.pinned("1.0.0", 0x2000)
    plain.write_bytes(app("1.0.0", 0x2000))
    told = {name: json.loads(bench.slotseal("image", "info", name, "--json").stdout)["key_set"] for name in (plain, pinned)}
    assert told == {plain: {"product": None, "version": None}, pinned: {"product": PRODUCT, "version": 1}}
    assert "key set          lamp, version 1" in bench.slotseal("image", "info", pinned).stdout
    assert "key set          none yet" in bench.slotseal("image", "info", plain).stdout
    bench.slotseal("chip", "new", tmp_path / "chip", "--flash", "4MB", "--mac", "24:0a:c4:00:00:77")
    with served_chip(tmp_path / "chip", "--rfc2217", "0") as port:
        for image, warned in ((plain, True), (pinned, False)):
            done = bench.slotseal("provision", "--product", PRODUCT, "--port", port, "--profile", "profile", "--bootloader",
                                  "bootloader.bin", "--app", image, "--replace-verification-key", TEMPLATE,
                                  "--update-server", "https://updates.example", "--dry-run")
            assert ("no key set is pinned in this app" in done.stderr) == warned


def test_many_in_one_process(bench, tmp_path):
    chips = [bench.chip(tmp_path / f"chip{i}") for i in range(5)]
    for i, chip in enumerate(chips[1:], 1):  # the same id would be one device
        token = with_settings(bench, chip, bench.server.url, device=f"lamp-{i}")
        bench.server.devices[f"lamp-{i}"] = Device(token)
    chips[0].offer()
    command = chips[0].command(until="idle")
    command[3:4] = [str(chip.folder) for chip in chips]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert {name: d.attributes["slotseal.version"] for name, d in bench.server.devices.items()} == {
        MAC: "2.0.0", **{f"lamp-{i}": "1.0.0" for i in range(1, 5)}}


def test_pushed_by_hand(bench, chip, tmp_path):
    offer = bench.parcel()
    for name in ("release", "delivery", "sealed"):
        (tmp_path / name).write_bytes(getattr(offer, name))
    files = [word for name in ("release", "delivery", "sealed") for word in (f"--{name}", tmp_path / name)]
    profile = ["--profile", bench.folder / "profile"]
    refused = bench.slotseal("sim", "push", chip.folder, *files, *profile, "--unwilling", code=3)
    assert "not installed: unwilling; version 1.0.0 runs from ota_0" in refused.stdout
    bench.slotseal("chip", "cut", chip.folder, "--at", "40", "--when", "inside")
    assert "the power was lost" in bench.slotseal("sim", "push", chip.folder, *files, *profile, code=3).stdout
    done = bench.slotseal("sim", "push", chip.folder, *files, *profile, "--chunk", "100")
    assert "version 2.0.0 runs from ota_1, confirmed" in done.stdout
    again = bench.slotseal("sim", "push", chip.folder, *files, *profile, "--json", code=3)
    assert '"reason": "slot-address"' in again.stdout and '"installed": false' in again.stdout
    assert not bench.server.requests


# -- Transport -----------------------------------------------------------------------------------------------------------


def test_cut_anywhere_only_the_rest_is_asked_for(chip, rng):
    offer = chip.offer()
    ends = sorted(rng.sample(range(1, len(offer.sealed)), 4))

    def cut(n, request, answer):
        return dataclasses.replace(answer, cut=ends[n] - request.first) if n < len(ends) else answer

    chip.bench.server.bend = downloads(cut)
    chip.run().runs("2.0.0", "ota_1")
    assert [r.first for r in chip.bench.server.downloads()] == [0, *ends]
    assert all(r.headers.get("if-range") == offer.etag for r in chip.bench.server.downloads()[1:])
    assert sum(r.sent for r in chip.bench.server.downloads()) < len(offer.sealed) + 400 * (len(ends) + 1)
    assert chip.device.words() == INSTALLED


def test_power_that_fails_costs_a_window_at_most(chip, rng):
    """RAM is gone then: what lies in flash is hashed, and asked for from the first window that is not whole."""
    offer = chip.offer()
    for operation in sorted(rng.sample(range(5, 300), 3)):
        chip.bench.slotseal("chip", "cut", chip.folder, "--at", str(operation), "--when", rng.choice(["inside", "after"]))
        chip.run(until="idle")
        if chip.device.words()[-1:] == ["confirmed"]:
            break
    chip.run(until="idle").runs("2.0.0", "ota_1")
    assert chip.slot("ota_1", len(offer.sealed)) == offer.sealed
    for request in chip.bench.server.downloads():
        assert request.first % WINDOW == 0
    assert sum(r.sent for r in chip.bench.server.downloads()) < len(offer.sealed) + 3 * (WINDOW + 2000)


@pytest.mark.parametrize("what", ["corrupted", "reordered", "duplicated"])
def test_bytes_that_are_not_the_image(chip, what):
    """Found at the end of the window, which is asked for again."""
    offer = chip.offer()
    at = WINDOW + 3000

    def spoil(n, request, answer):
        body = bytearray(answer.body)
        if n == 0 and what == "corrupted":
            body[at] ^= 1
        elif n == 0 and what == "reordered":
            body[at : at + 2000] = body[at + 1000 : at + 2000] + body[at : at + 1000]
        elif n == 0:
            body[at + 1000 : at + 1000] = body[at : at + 1000]
            body = body[: len(answer.body)]
        return dataclasses.replace(answer, body=bytes(body))

    chip.bench.server.bend = downloads(spoil)
    chip.run().runs("2.0.0", "ota_1")
    assert [r.first for r in chip.bench.server.downloads()] == [0, WINDOW]
    assert chip.device.words() == INSTALLED
    assert chip.slot("ota_1", len(offer.sealed)) == offer.sealed


def test_bytes_that_never_are_the_image(chip):
    chip.offer()
    chip.bench.server.bend = downloads(lambda n, request, answer: dataclasses.replace(
        answer, body=bytes(b ^ 1 for b in answer.body[:100]) + answer.body[100:]))
    chip.run(until="idle")
    expect_old_app(chip, "sealed-wrong", details=["given-up", "sealed-wrong"])
    assert chip.of("ended")[-1]["failures"] == 5
    # Offered again, it is refused without a byte.
    before = len(chip.bench.server.downloads())
    chip.offer(action=9)
    chip.run(until="idle")
    assert len(chip.bench.server.downloads()) == before
    assert chip.device.feedback[-1][1:3] == ("closed", "failure")


ODD_ANSWERS = {
    "endless": lambda a: dataclasses.replace(a, headers={**a.headers, "Content-Length": None}, endless=bytes(16384)),
    "endless from the start": lambda a: dataclasses.replace(a, body=b"", headers={"Content-Length": None}, endless=bytes(16384)),
    "stalls": lambda a: dataclasses.replace(a, cut=len(a.body) // 2, hold=3),
    "drips": lambda a: dataclasses.replace(a, slow=(16, 0.5), cut=200),
    "says nothing": lambda a: Answer(raw=b"", hold=3),
    "ends at once": lambda a: Answer(raw=b""),
    "is too short": lambda a: dataclasses.replace(a, body=a.body[:-100]),
    "is too long": lambda a: dataclasses.replace(a, body=a.body + bytes(100)),
    "is chunked": lambda a: Answer(raw=b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
                                       % (len(a.body), a.body)),
    "is empty": lambda a: dataclasses.replace(a, body=b""),
    "is no HTTP": lambda a: Answer(raw=b"\x15\x03\x01\x00\x02\x02\x28" * 10),
    "is partial without being asked": lambda a: dataclasses.replace(
        a, status=206, headers={**a.headers, "Content-Range": f"bytes 0-{len(a.body) - 1}/{len(a.body)}"}),
    "404": lambda a: Answer(404),
    "410": lambda a: Answer(410),
    "429": lambda a: Answer(429, headers={"Retry-After": "5"}),
    "500": lambda a: Answer(500, b"<html>"),
    "503": lambda a: Answer(503, headers={"Retry-After": "7"}),
    "401": lambda a: Answer(401),
    "header without end": lambda a: Answer(raw=b"HTTP/1.1 200 X\r\n" + b"X-A: " + b"a" * 200000),
}
SLOW = ("stalls", "drips", "says nothing")


@pytest.mark.parametrize("what", ODD_ANSWERS)
def test_a_download_that_goes_wrong_once(chip, what):
    """Whatever the first one is, the update comes in the end, and not a byte of it twice for nothing."""
    offer = chip.offer()
    chip.bench.server.bend = downloads(lambda n, request, answer: ODD_ANSWERS[what](answer) if n == 0 else answer)
    chip.run(stall=2 if what in SLOW else 8).runs("2.0.0", "ota_1")
    assert chip.slot("ota_1", len(offer.sealed)) == offer.sealed
    assert chip.device.words()[-1] == "confirmed"


WRONG_RANGES = {
    "all of it": lambda a, r, whole: Answer(200, whole, a.headers),
    "from elsewhere": lambda a, r, whole: dataclasses.replace(a, body=whole[r.first + 16 :], headers={
        **a.headers, "Content-Range": f"bytes {r.first + 16}-{len(whole) - 1}/{len(whole)}"}),
    "of another length": lambda a, r, whole: dataclasses.replace(a, headers={
        **a.headers, "Content-Range": f"bytes {r.first}-{len(whole)}/{len(whole) + 1}"}, body=a.body + b"x"),
    "without saying where": lambda a, r, whole: dataclasses.replace(
        a, headers={k: v for k, v in a.headers.items() if k != "Content-Range"}),
    "that makes no sense": lambda a, r, whole: dataclasses.replace(a, headers={**a.headers, "Content-Range": "bytes 9-3/2"}),
    "not satisfiable": lambda a, r, whole: Answer(416, headers={"Content-Range": f"bytes */{len(whole)}"}),
}


@pytest.mark.parametrize("what", WRONG_RANGES)
def test_wrong_answers_to_a_range(chip, what):
    offer = chip.offer()

    def bend(n, request, answer):
        if n == 0:
            return dataclasses.replace(answer, cut=100000)
        return WRONG_RANGES[what](answer, request, offer.sealed) if n == 1 else answer

    chip.bench.server.bend = downloads(bend)
    chip.run().runs("2.0.0", "ota_1")
    assert chip.slot("ota_1", len(offer.sealed)) == offer.sealed
    assert chip.device.words()[-1] == "confirmed"


def test_the_release_is_swapped_in_the_middle(chip):
    """The server withdraws an update that has half arrived and offers another one under the same name."""
    chip.offer("2.0.0", "ota_1", 1)
    new = chip.bench.parcel("2.5.0", "ota_1", 2, action=2)

    def bend(n, request, answer):
        if n:
            return answer
        chip.device.offer = new
        return dataclasses.replace(answer, cut=WINDOW + 1000)

    chip.bench.server.bend = downloads(bend)
    chip.run().runs("2.5.0", "ota_1")
    assert chip.slot("ota_1", len(new.sealed)) == new.sealed
    assert chip.device.feedback[-1][0] == 2 and chip.device.words()[-1] == "confirmed"


def test_two_servers_that_do_not_agree(chip):
    """The same action has other bytes: never what is mixed of both."""
    offer = chip.offer()
    other = chip.bench.parcel("2.0.0", "ota_1", 1, seed=7)

    def bend(n, request, answer):
        if n == 0:
            return dataclasses.replace(answer, cut=WINDOW + 100)
        return dataclasses.replace(answer, body=other.sealed[request.first :]) if n == 1 else answer

    chip.bench.server.bend = downloads(bend)
    chip.run().runs("2.0.0", "ota_1")
    assert chip.slot("ota_1", len(offer.sealed)) == offer.sealed


def test_answers_that_are_no_ddi(chip, rng):
    """Before the right ones come: nothing of it is believed, and the device does not stop asking."""
    odd = [b"", b"{", b"[]", b"null", b"{}" * 1000, b'{"_links":' + b"[" * 5000, b'{"_links":{"deploymentBase":{"href":7}}}',
           b'{"_links":{"deploymentBase":{"href":"' + b"a" * 5000 + b'"}}}', rng.randbytes(300), b"\0" * 100,
           b'{"_links":{"deploymentBase":{"href":"ftp://x/"}}}', b'{"config":{"polling":{"sleep":"never"}}}']
    chip.offer()

    def bend(request, answer):
        if request.method == "GET" and odd and "/artifacts/" not in request.path:
            return Answer(200, odd.pop())
        return answer

    chip.bench.server.bend = bend
    chip.run(timeout=60).runs("2.0.0", "ota_1")
    assert not odd and chip.device.words() == INSTALLED


# -- Redirects, TLS, credentials -----------------------------------------------------------------------------------------


def test_downloads_may_be_elsewhere_but_without_the_token(bench, chip):
    offer, store = chip.offer(), DdiServer(bench.certificate)
    store.bend = lambda request, answer: Answer(200, offer.sealed, {"ETag": offer.etag})
    bench.server.bend = downloads(lambda n, request, answer: Answer(302, headers={"Location": f"{store.url}/blob?sig=1"}))
    chip.run().runs("2.0.0", "ota_1")
    assert [r.path for r in store.requests] == ["/blob?sig=1"]
    assert "authorization" not in store.requests[0].headers
    store.stop()


def test_redirects_without_end(chip):
    chip.offer()
    chip.bench.server.bend = downloads(lambda n, request, answer: Answer(307, headers={"Location": request.path}) if n < 9
                                       else answer)
    chip.run().runs("2.0.0", "ota_1")
    assert chip.device.words() == INSTALLED


def test_other_requests_do_not_follow(bench, chip):
    """A poll that is sent elsewhere would take the token along."""
    chip.offer()
    trap, redirects = DdiServer(bench.certificate), iter(range(5))

    def bend(request, answer):
        return Answer(302, headers={"Location": trap.url + request.path}) if next(redirects, None) is not None else answer

    bench.server.bend = bend
    chip.run(timeout=60).runs("2.0.0", "ota_1")
    assert not trap.requests
    trap.stop()


def test_a_server_of_another_ca_learns_nothing(bench, chip, tmp_path):
    false = DdiServer(Authority(tmp_path, "false").server())
    with_settings(bench, chip, false.url)
    before = chip.slot("ota_1", 0x150000)
    chip.run(until="installed", timeout=3, code=1)
    assert {r.path.split("/")[2] for r in false.requests} <= {"keyset", "ca"}  # what proves itself
    assert not any("authorization" in r.headers for r in false.requests)
    assert any(e["result"] == "invalid signature" for e in chip.of("http"))
    assert chip.slot("ota_1", 0x150000) == before
    false.stop()


def test_a_certificate_of_another_host(bench, chip, tmp_path):
    other = DdiServer(bench.authority.server("updates.example.com"))
    with_settings(bench, chip, other.url)
    chip.run(until="installed", timeout=3, code=1)
    assert not any("authorization" in r.headers or "/controller/" in r.path for r in other.requests)
    other.stop()


def test_no_credential_without_tls(bench, chip, tmp_path):
    plain = DdiServer()
    with_settings(bench, chip, bench.server.url)
    links = {"_links": {"deploymentBase": {"href": f"{plain.url}/DEFAULT/controller/v1/{MAC}/deploymentBase/1"}}}

    def bend(request, answer):
        return dataclasses.replace(answer, status=200, body=repr(links).replace("'", '"').encode())

    bench.server.bend = bend
    chip.run(until="installed", timeout=2, code=1)
    assert not plain.requests or not any("authorization" in r.headers for r in plain.requests)
    plain.stop()


def test_a_laboratory_may_do_without(bench, chip, tmp_path):
    plain = DdiServer()
    token = with_settings(bench, chip, plain.url, "--plain-http")
    plain.devices = {MAC: Device(token)}
    plain.devices[MAC].offer = bench.parcel()
    chip.run().runs("2.0.0", "ota_1")
    plain.stop()


# -- Trials --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["profile", "no-rollback"])
def test_an_app_that_finds_itself_unfit(chip, profile):
    chip.offer()
    chip.run("--fail-self-test", until="idle", profile=profile)
    expect_old_app(chip, "rejected", details=["rejected"])
    # The same again is refused; the next one may try.
    chip.offer(action=5)
    chip.run(until="idle", profile=profile).runs("1.0.0", "ota_0", "rolled-back")
    assert chip.device.feedback[-1][:3] == (5, "closed", "failure")
    chip.offer("2.1.0", "ota_1", 2)
    chip.run(profile=profile).runs("2.1.0", "ota_1")


@pytest.mark.parametrize("when", ["before-agent", "after-agent"])
def test_an_app_that_crashes_is_taken_back_by_the_bootloader(chip, when):
    chip.offer()
    chip.run("--crash", when, until="idle")
    expect_old_app(chip, "unconfirmed", details=["given-up", "unconfirmed"])
    assert len(chip.bench.server.downloads()) <= 5
    assert chip.device.attributes["slotseal.state"] == "rolled-back"
    assert chip.device.attributes["slotseal.bootloader"] == "1"


def test_an_app_that_crashes_without_rollback_in_the_bootloader(chip):
    chip.offer()
    chip.run("--crash", "after-agent", until="idle", profile="no-rollback")
    expect_old_app(chip, "unconfirmed", details=["given-up", "unconfirmed"])
    assert chip.device.attributes["slotseal.bootloader"] == "0"


@pytest.mark.parametrize("profile", ["profile", "no-rollback"])
def test_an_app_that_does_not_reach_its_server(chip, profile):
    """It would never be replaced by a better one: its trial ends after ten minutes, by its clock."""
    chip.offer()

    def bend(request, answer):
        mute = request.path.endswith("configData") and request.json["data"]["slotseal.version"] == "2.0.0"
        return Answer(503) if mute else answer

    chip.bench.server.bend = bend
    chip.run(until="idle", profile=profile)
    expect_old_app(chip, "unconfirmed", details=["given-up", "unconfirmed"])
    assert len(chip.bench.server.downloads()) == 1  # the slot was complete each time


def test_what_cannot_be_taken_back(chip):
    """A crash before the agent's start, and a bootloader without rollback: why a canary goes first."""
    chip.offer()
    done = chip.run("--crash", "before-agent", until="idle", profile="no-rollback", code=1)
    assert chip.of("reset")[-1]["text"] == "crash"
    assert chip.device.words() == ["accepted", "selected"]
    assert not done.of("ended") or "slot" not in done.of("ended")[-1]


# -- Orders of the server ------------------------------------------------------------------------------------------------


def test_cancelled_while_it_downloads(chip):
    chip.offer()

    def bend(n, request, answer):
        chip.device.offer.cancelled = True
        return dataclasses.replace(answer, cut=WINDOW) if n == 0 else answer

    chip.bench.server.bend = downloads(bend)
    chip.run(until="idle").runs("1.0.0", "ota_0")
    assert chip.device.cancel_feedback == [(2, "closed", "success", ["canceled"])]
    assert "selected" not in chip.device.words()
    # Offered again it goes on: nothing failed.
    chip.bench.server.bend = None
    chip.offer(action=7)
    chip.run().runs("2.0.0", "ota_1")


def test_the_same_offer_again(chip):
    chip.offer()
    chip.run().runs("2.0.0", "ota_1")
    before = chip.digest()
    chip.offer(action=3)
    chip.run(until="idle").runs("2.0.0", "ota_1")
    assert chip.device.feedback[-1] == (3, "closed", "success", ["confirmed"])  # it is what runs
    assert chip.digest() == before


REFUSED = {
    "an older sequence": (("2.0.0", "ota_1", 1), "sequence"),
    "for the slot that runs": (("2.2.0", "ota_0", 9), "slot-address"),
    "a jump": (("2.2.0", "ota_1", 3 + (1 << 20)), "sequence-jump"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_orders_that_are_refused(chip, what):
    """Nothing is erased for them."""
    chip.offer("2.0.0", "ota_1", 1)
    chip.run()
    chip.offer("2.1.0", "ota_0", 2)
    chip.run().runs("2.1.0", "ota_0")
    before = chip.digest()
    args, reason = REFUSED[what]
    chip.offer(*args, action=77)
    chip.run(until="idle").runs("2.1.0", "ota_0")
    assert ("statement", reason) in chip.refusals()
    assert chip.device.feedback[-1][:3] == (77, "closed", "failure")
    assert chip.digest() == before
    assert not [r for r in chip.bench.server.downloads() if r.path.endswith(f"{args[0]}.bin")][1:]


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503, 401, 403])
@pytest.mark.parametrize("where", ["poll", "deploymentBase", "feedback", "configData"])
def test_a_server_that_has_a_bad_moment(chip, where, status):
    """Of every request the first two are answered so."""
    chip.offer()
    left = {"n": 2}

    def bend(request, answer):
        kind = request.path.split("?")[0].split("/")[-1]
        is_it = {"poll": kind == MAC, "deploymentBase": request.method == "GET" and "/deploymentBase/" in request.path,
                 "feedback": kind == "feedback", "configData": kind == "configData"}[where]
        if not is_it or left["n"] == 0:
            return answer
        left["n"] -= 1
        return Answer(status, headers={"Retry-After": "3"})

    chip.bench.server.bend = bend
    chip.run().runs("2.0.0", "ota_1")
    assert left["n"] == 0 and chip.device.words()[-1] == "confirmed"


# -- A device that was away ----------------------------------------------------------------------------------------------


class Moved:
    """Two years later: every key but one root has changed, step by step; servers and CA are others."""

    def __init__(self, bench, folder):
        keys = bench.keys
        self.authority = Authority(folder, "new-ca")
        self.server = DdiServer(self.authority.server())
        sets = [  # name, roots, who signs
            ("second.keys", ("root-a", "root-b", "root-d"), ("root-a", "root-b", "root-d"), "first.keys", 1),
            ("third.keys", ("root-a", "root-d", "root-e"), ("root-a", "root-d", "root-e"), "second.keys", 2),
        ]
        self.chain = {}
        for name, roots, signers, before, n in sets:
            more = ["--update-server", self.server.url, "--ca", self.authority.pem] if n == 2 else []
            self.chain[n] = {PRODUCT: bench.key_set(
                name, "--from", before, "--root-keys", keys(*roots), "--release-keys", keys(f"release-{n}"),
                "--delivery-keys", keys(f"delivery-{n}"), *more, roots=signers, in_force=before)}
        self.cas = {self.authority.sha256: self.authority.der}

    def take(self, server):
        server.key_sets, server.cas, server.tell_key_set = self.chain, self.cas, True


@pytest.fixture(scope="module")
def moved(bench, tmp_path_factory):
    moved = Moved(bench, tmp_path_factory.mktemp("moved"))
    yield moved
    moved.server.stop()


def parcel_of_today(bench, **changes):
    return bench.parcel("9.0.0", "ota_1", 1, release_key="release-2", delivery_key="delivery-2", key_set="third.keys",
                        pins="third.keys", **changes)


def test_a_device_that_was_away_for_two_years(bench, chip, moved):
    """The old server still stands, and leads it through the chain of key sets; everything else is elsewhere."""
    moved.take(bench.server)
    moved.take(moved.server)
    moved.server.devices = {MAC: Device(bench.token)}
    moved.server.devices[MAC].offer = parcel_of_today(bench)
    moved.server.requests.clear()
    chip.run("--time", "2028-11-22").runs("9.0.0", "ota_1")
    asked = [r.path for r in bench.server.requests if "/keyset/" in r.path]
    assert asked[:2] == [f"/DEFAULT/keyset/v1/{PRODUCT}/after/1", f"/DEFAULT/keyset/v1/{PRODUCT}/after/2"]
    assert moved.server.devices[MAC].words() == INSTALLED
    assert chip.of("ended")[-1]["key_set"] == 3
    # From now on it is the new server's alone.
    bench.server.requests.clear()
    chip.run(until="idle").runs("9.0.0", "ota_1")
    assert not bench.server.requests


def test_the_old_server_has_a_new_certificate(bench, chip, moved, tmp_path):
    """Its address is the same, its certificate by a CA that the device does not know: key sets and CA prove themselves."""
    server = DdiServer(moved.authority.server())
    token = with_settings(bench, chip, server.url)
    moved.take(server)
    moved.take(moved.server)
    moved.server.devices = {MAC: Device(token)}
    moved.server.devices[MAC].offer = parcel_of_today(bench)
    chip.run().runs("9.0.0", "ota_1")
    assert not any("authorization" in r.headers for r in server.requests)
    assert moved.server.devices[MAC].words() == INSTALLED
    server.stop()


def test_what_old_keys_sign_is_void(bench, chip, moved):
    moved.take(bench.server)
    moved.take(moved.server)
    moved.server.devices = {MAC: Device(bench.token)}
    moved.server.devices[MAC].offer = bench.parcel()
    chip.run(until="idle").runs("1.0.0", "ota_0")
    assert chip.refusals()[-1][0] == "statement"
    assert moved.server.devices[MAC].feedback[-1][1:3] == ("closed", "failure")


def test_a_chain_with_a_link_that_is_wrong(bench, chip, moved):
    """A key set that the roots in force have not signed changes nothing."""
    stranger = bench.key_set("stranger.keys", "--product", PRODUCT, "--root-keys", bench.keys("stranger"), "--threshold",
                             "1", "--release-keys", bench.keys("stranger-2"), "--delivery-keys", bench.keys("stranger-3"),
                             roots=("stranger",))
    bench.server.key_sets, bench.server.tell_key_set = {1: {PRODUCT: stranger}}, True
    chip.offer()
    chip.run().runs("2.0.0", "ota_1")
    assert chip.of("ended")[-1]["key_set"] == 1
