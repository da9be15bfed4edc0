#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: demo.sh BUILD_DIR OUT_DIR [ESPTOOL_BIN_DIR]
#
# Two devices, the partition table of this folder, one release per slot: keys, signatures made with a key per device, sealed images.
# Then two blank virtual chips that are provisioned over a serial port and boot encrypted, with secure boot V1 armed. A server seals
# updates for them while they download, there and back; one more update is carried to them by hand.
# With ESPTOOL_BIN_DIR, every file is made or checked a second time by the real espsecure and must agree.
set -euo pipefail
build=$(realpath "$1") out=$2 espsecure=${3:+$(realpath "$3")/espsecure}
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
slotseal="$build/slotseal"
template=$(realpath "$here/../../firmware/demo/verification-key-template.bin")
devices=(240ac4000001 240ac4000002)
# release:slot, as two consecutive updates of one device would go
updates=(1.0.0:ota_0 2.0.0:ota_1)

title() { printf '\n== %s\n' "$*"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }
run() { printf '$ slotseal'; printf ' %s' "$@"; printf '\n'; "$slotseal" "$@"; }
agrees() { cmp -s "$1" "$2" || fail "$1 differs from what espsecure makes"; agreed=$((agreed + 1)); }

rm -rf "$out"
mkdir -p "$out"
cd "$out"
agreed=0

title "the partition table"
run table build "$here/partitions.csv" --flash-size 4MB -o table.bin
run table show table.bin

title "a flash key and a signing key for each device"
for device in "${devices[@]}"; do
    run key generate --type flash -o "$device.flash.bin"
    run key generate --type secure-boot-v1 -o "$device.sign.pem"
done

title "two versions of the firmware, from the linked programs, with room for a secure boot V1 signature"
for update in "${updates[@]}"; do
    version=${update%:*}
    run image build --elf "$build/firmware/demo-keyed-$version.elf" --flash-size 4MB --flash-mode dio \
        --secure-pad v1 -o "demo-$version.bin"
done

title "sign the plaintext, then pad and seal it: one file for each device and slot"
for device in "${devices[@]}"; do
    for update in "${updates[@]}"; do
        version=${update%:*} slot=${update#*:}
        run sign --scheme v1 --key "$device.sign.pem" --replace-verification-key "$template" \
            "demo-$version.bin" -o "$device-$version.signed.bin"
        run seal "$device-$version.signed.bin" --table table.bin --slot "$slot" --flash-key "$device.flash.bin" \
            -o "$device-$version.$slot.bin"
    done
done

title "unsealed again, the plaintext is there and its signature holds"
for device in "${devices[@]}"; do
    for update in "${updates[@]}"; do
        version=${update%:*} slot=${update#*:}
        run unseal "$device-$version.$slot.bin" --table table.bin --slot "$slot" --flash-key "$device.flash.bin" \
            -o "$device-$version.unsealed.bin"
        length=$(stat -c %s "$device-$version.signed.bin")
        cmp -n "$length" "$device-$version.unsealed.bin" "$device-$version.signed.bin" || fail "$device $version: not the same"
        run verify --key "$device.sign.pem" "$device-$version.unsealed.bin"
    done
done

title "anywhere else each file is noise"
printf '%-34s' "unsealed as"
for device in "${devices[@]}"; do for slot in ota_0 ota_1; do printf ' %s/%s' "${device: -4}" "$slot"; done; done
printf '\n'
for device in "${devices[@]}"; do
    for update in "${updates[@]}"; do
        file="$device-${update%:*}.${update#*:}.bin"
        printf '%-34s' "$file"
        for other in "${devices[@]}"; do
            for slot in ota_0 ota_1; do
                status=0
                "$slotseal" unseal "$file" --table table.bin --slot "$slot" --flash-key "$other.flash.bin" \
                    -o elsewhere.bin >elsewhere.txt 2>&1 || status=$?
                right=$([ "$other/$slot" = "$device/${update#*:}" ] && echo 0 || echo 3)
                [ "$status" = "$right" ] || fail "$file as $other/$slot: exit status $status, not $right"
                printf ' %10s' "$([ "$status" = 0 ] && echo image || echo noise)"
                rm -f elsewhere.bin
            done
        done
        printf '\n'
    done
done

title "what somebody learns who sees two sealed files"
run compare "${devices[0]}-1.0.0.ota_0.bin" "${devices[1]}-1.0.0.ota_0.bin"
"$slotseal" sign --scheme v1 --key "${devices[0]}.sign.pem" --replace-verification-key \
    "$template" "demo-2.0.0.bin" -o next.signed.bin
"$slotseal" seal next.signed.bin --table table.bin --slot ota_0 --flash-key "${devices[0]}.flash.bin" -o next.ota_0.bin >/dev/null
run compare "${devices[0]}-1.0.0.ota_0.bin" next.ota_0.bin

title "two blank chips become such devices, over a serial port: flash key, sealed flash, eFuses, secure boot"
chip_port='' serving=''
trap 'kill $chip_port $serving 2>/dev/null || true' EXIT
export SLOTSEAL_VAULT="sqlite:fleet.vault" SLOTSEAL_VAULT_KEY=file:fleet.key SLOTSEAL_VAULT_SIGNING_KEY=file:fleet.signing.key
run vault init
run product add forum --table "$here/partitions.csv" --flash-size 4MB --secure-boot v1-one-time --per-device-sign-keys
"$here/stand-in-bootloader.py" "$template" bootloader.bin
for role in root release delivery; do
    run key generate --type statement -o "$role.pem"
    run key public --key "$role.pem" -o "$role.pub"
done
run keyset new --product forum --root-keys root.pub --threshold 1 --release-keys release.pub --delivery-keys delivery.pub -o draft.keys
run keyset sign draft.keys --key root.pem -o fleet.keys
for update in "${updates[@]}"; do
    run keyset embed "demo-${update%:*}.bin" --key-set fleet.keys -o "pinned-${update%:*}.bin"
done
server_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
    -keyout tls/server.key -out tls/server.pem 2>/dev/null
for device in "${devices[@]}"; do
    run chip new "chip-$device" --flash 4MB --mac "$(sed 's/../&:/g;s/:$//' <<<"$device")"
    mkfifo port
    "$slotseal" chip serve "chip-$device" >port &
    chip_port=$!
    read -r address <port
    rm port
    provision=(provision --product forum --port "$address" --reset-command "$here/press.sh $slotseal chip-$device" --profile "$here/provision.profile"
        --bootloader bootloader.bin --app pinned-1.0.0.bin --replace-verification-key "$template"
        --update-server "https://127.0.0.1:$server_port" --ca tls/server.pem --confirm "$device")
    printf '$ slotseal'; printf ' %s' "${provision[@]}"; printf '\n'
    "$slotseal" "${provision[@]}" >provision.txt || fail "$device: not provisioned: $(tail -1 provision.txt)"
    sed -n '/^rehearsal/,$p' provision.txt
    kill "$chip_port"
    wait "$chip_port" || true
    chip_port=
    "$slotseal" chip boot "chip-$device" >boot.txt || fail "$device does not boot"
    printf '$ slotseal chip boot chip-%s\n' "$device"
    grep -E 'flash encryption is enabled|secure boot is already enabled|^app|slotseal-demo' boot.txt
    "$slotseal" doctor "chip-$device" >doctor.txt || fail "the doctor has something to say about $device"
done

title "two releases: statements, and for each device its own signature"
for update in "${updates[@]}"; do
    version=${update%:*}
    run release sign "pinned-$version.bin" --key release.pem --product forum --secure-boot v1 --verification-key "$template" \
        -o "$version.release"
done

title "the update server: one process speaks HTTPS and has no key of a device, the other one seals"
mkdir front
openssl req -x509 -newkey rsa:3072 -nodes -days 30 -subj /CN=sealer -keyout upload.key -out upload.pem 2>/dev/null
chmod 600 upload.key delivery.pem
cat >server.conf <<END
[server]
listen = 127.0.0.1:$server_port
url = https://127.0.0.1:$server_port
certificate = tls/server.pem
key = tls/server.key
store = sqlite:front/store.db
polling = 00:00:05
[sealer]
vault = $SLOTSEAL_VAULT
vault_key = $SLOTSEAL_VAULT_KEY
delivery_key = delivery.pem
upload_key = upload.key
key_set = fleet.keys
[log]
level = warning
END
run operator add demo --store sqlite:front/store.db -o operator.token
mkfifo up
"$slotseal" serve --config server.conf >up 2>server.log &
serving=$!
printf '$ slotseal serve --config server.conf &\n'
read -r line <up || fail "the server does not start: $(tail -1 server.log)"
printf '%s\n' "$line"
export SLOTSEAL_SERVER="https://127.0.0.1:$server_port" SLOTSEAL_TOKEN_FILE=operator.token
for update in "${updates[@]}"; do
    version=${update%:*}
    run release upload "pinned-$version.bin" --release "$version.release" --upload-key upload.pem --server-ca tls/server.pem
    run release personalize forum "$version"
done

title "both devices update themselves to ota_1, and back to ota_0, while the server seals for them"
for version in 2.0.0 1.0.0; do
    for device in "${devices[@]}"; do run device assign "$device" "$version" --server-ca tls/server.pem; done
    run sim run "${devices[@]/#/chip-}" --profile "$here/provision.profile" --interval 1 --until installed --timeout 60 >sim.txt ||
        fail "not installed: $(tail -1 sim.txt)"
    grep -E 'runs|confirmed|ended' sim.txt || tail -4 sim.txt
done
run device history "${devices[0]}" --server-ca tls/server.pem
kill "$serving"
wait "$serving" || fail "the server did not end well"
serving=

title "the same without a network: statements and ciphertext, carried to the device"
for device in "${devices[@]}"; do
    run sign --device "$device" --replace-verification-key "$template" pinned-2.0.0.bin -o update.signed.bin
    run seal update.signed.bin --device "$device" --slot ota_1 -o update.sealed.bin
    run release deliver update.sealed.bin --release 2.0.0.release --key delivery.pem --key-set fleet.keys \
        --device "$device" --table table.bin --slot ota_1 --sequence 100 -o update.delivery
    run sim push "chip-$device" --release 2.0.0.release --delivery update.delivery --sealed update.sealed.bin \
        --profile "$here/provision.profile"
done

[ -n "$espsecure" ] || { printf '\ndone, without espsecure to compare with\n'; exit 0; }
title "the same by the real espsecure"
"$espsecure" --help | sed -n '/espsecure v/{s/^ *//;p;}'
for device in "${devices[@]}"; do
    "$espsecure" extract-public-key --version 1 --keyfile "$device.sign.pem" "$device.vk.bin" >/dev/null
    "$slotseal" key public --key "$device.sign.pem" -o "$device.public.bin"
    agrees "$device.public.bin" "$device.vk.bin"
    for update in "${updates[@]}"; do
        version=${update%:*} slot=${update#*:}
        address=$([ "$slot" = ota_0 ] && echo 0x10000 || echo 0x160000)
        "$espsecure" verify-signature --version 1 --keyfile "$device.vk.bin" "$device-$version.signed.bin" >/dev/null ||
            fail "$device $version: espsecure does not accept the signature"
        head -c -68 "$device-$version.signed.bin" >unsigned.bin
        "$espsecure" sign-data --version 1 --keyfile "$device.sign.pem" -o theirs.signed.bin unsigned.bin >/dev/null
        agrees "$device-$version.signed.bin" theirs.signed.bin
        # espsecure pads with random bytes, so the padded plaintext is what both are compared on.
        "$espsecure" encrypt-flash-data --keyfile "$device.flash.bin" --address "$address" -o theirs.bin \
            "$device-$version.unsealed.bin" >/dev/null
        agrees "$device-$version.$slot.bin" theirs.bin
    done
done
printf '%d files agree byte for byte, 4 signatures verified by espsecure\n' "$agreed"
