#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Type-checks the ESP-IDF port against the real headers of an ESP-IDF tree, and compares with them the declarations
that the port is compiled against in tests.

    device/port/espidf/compare.py ~/esp/esp-idf
    device/port/espidf/compare.py ~/esp/esp-idf-v6.0 --mbedtls ~/src/mbedtls-4.0.0/include

Nothing is linked, and nothing in the tree is run: a checkout without toolchain is enough. mbedTLS is taken from its
submodule, or from what --mbedtls names. Exit status: 0 all the same, 1 something differs, 2 usage.
"""
from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PORT = Path(__file__).resolve().parent
ROOT = PORT.parents[2]

# Where headers lie, in the order in which they are looked for; what a version does not have is left out.
INCLUDES = """
app_update/include bootloader_support/include bootloader_support/bootloader_flash/include
esp_bootloader_format/include efuse/include efuse/esp32/include esp_app_format/include esp_common/include
esp_event/include esp_hw_support/include esp_hw_support/include/soc esp_hw_support/etm/include esp_http_client/include
esp_mm/include esp_partition/include esp_blockdev/include esp_rom/include esp_rom/esp32 esp_rom/esp32/include
esp_rom/esp32/include/esp32 esp_system/include esp_timer/include esp-tls esp-tls/esp-tls-crypto esp32/include
freertos/include freertos/include/esp_additions freertos/include/esp_additions/freertos freertos/port/xtensa/include
freertos/xtensa/include freertos/config/include freertos/config/include/freertos freertos/config/xtensa/include
freertos/FreeRTOS-Kernel/include freertos/FreeRTOS-Kernel/portable/xtensa/include
freertos/FreeRTOS-Kernel/portable/xtensa/include/freertos freertos/esp_additions/include
freertos/esp_additions/include/freertos freertos/esp_additions/arch/xtensa/include hal/include hal/esp32/include
hal/platform_port/include heap/include http_parser http_parser/include log/include newlib/platform_include
esp_libc/platform_include esp_libc/priv_include mbedtls/port/include mbedtls/port/psa_driver/include
mbedtls/esp_crt_bundle/include mbedtls/mbedtls/include mbedtls/mbedtls/tf-psa-crypto/include
mbedtls/mbedtls/tf-psa-crypto/drivers/builtin/include nghttp/port/include nvs_flash/include soc/include
soc/esp32/include soc/soc/include soc/soc/esp32/include soc/esp32/register esp_hal_mspi/include
esp_hal_mspi/esp32/include spi_flash/include spi_flash/private_include tcp_transport/include tcpip_adapter/include
esp_netif/include xtensa/include xtensa/esp32/include xtensa/deprecated_include esp_security/include
../examples/common_components/protocol_examples_common/include esp_wifi/include esp_eth/include
""".split()

# What the headers themselves ask for, beside the options that the tests have.
OPTIONS = """
#define CONFIG_IDF_TARGET "esp32"
#define CONFIG_IDF_TARGET_ARCH_XTENSA 1
#define CONFIG_FREERTOS_HZ 100
#define CONFIG_FREERTOS_MAX_TASK_NAME_LEN 16
#define CONFIG_FREERTOS_IDLE_TASK_STACKSIZE 1536
#define CONFIG_FREERTOS_ISR_STACKSIZE 1536
#define CONFIG_FREERTOS_TASK_NOTIFICATION_ARRAY_ENTRIES 1
#define CONFIG_FREERTOS_TIMER_TASK_PRIORITY 1
#define CONFIG_FREERTOS_TIMER_TASK_STACK_DEPTH 2048
#define CONFIG_FREERTOS_TIMER_SERVICE_TASK_NAME "Tmr Svc"
#define CONFIG_FREERTOS_TIMER_SERVICE_TASK_CORE_AFFINITY 0x7FFFFFFF
#define CONFIG_FREERTOS_TIMER_QUEUE_LENGTH 10
#define CONFIG_FREERTOS_QUEUE_REGISTRY_SIZE 0
#define CONFIG_FREERTOS_THREAD_LOCAL_STORAGE_POINTERS 1
#define CONFIG_FREERTOS_ASSERT_FAIL_ABORT 1
#define CONFIG_FREERTOS_NUMBER_OF_CORES 2
#define CONFIG_FREERTOS_MAX_TASK_NAME_LEN 16
#define CONFIG_LOG_DEFAULT_LEVEL 3
#define CONFIG_LOG_MAXIMUM_LEVEL 3
#define CONFIG_LOG_VERSION 1
#define CONFIG_BOOTLOADER_LOG_LEVEL 3
#define CONFIG_LOG_TIMESTAMP_SOURCE_RTOS 1
#define CONFIG_ESP32_DEFAULT_CPU_FREQ_MHZ 160
#define CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ 160
#define CONFIG_ESP_SYSTEM_EVENT_TASK_STACK_SIZE 2304
#define CONFIG_MMU_PAGE_SIZE 0x10000
#define CONFIG_XTAL_FREQ 40
#define CONFIG_ESP32_REV_MIN 0
#define CONFIG_ESP_TLS_USING_MBEDTLS 1
#define CONFIG_MBEDTLS_SSL_MAX_CONTENT_LEN 16384
#define CONFIG_MBEDTLS_SSL_IN_CONTENT_LEN 16384
#define CONFIG_MBEDTLS_SSL_OUT_CONTENT_LEN 4096
#define CONFIG_MBEDTLS_TLS_ENABLED 1
#define CONFIG_MBEDTLS_TLS_CLIENT 1
#define CONFIG_MBEDTLS_TLS_CLIENT_ONLY 1
#define CONFIG_MBEDTLS_SSL_PROTO_TLS1_2 1
#define CONFIG_MBEDTLS_PEM_PARSE_C 1
#define CONFIG_MBEDTLS_PEM_WRITE_C 1
#define CONFIG_MBEDTLS_X509_USE_C 1
#define CONFIG_MBEDTLS_X509_CRT_PARSE_C 1
#define CONFIG_MBEDTLS_BASE64_C 1
#define CONFIG_MBEDTLS_ASN1_PARSE_C 1
#define CONFIG_MBEDTLS_ASN1_WRITE_C 1
#define CONFIG_MBEDTLS_PK_C 1
#define CONFIG_MBEDTLS_PK_PARSE_C 1
#define CONFIG_MBEDTLS_PK_WRITE_C 1
#define CONFIG_MBEDTLS_BIGNUM_C 1
#define CONFIG_MBEDTLS_OID_C 1
#define CONFIG_MBEDTLS_MD_C 1
#define CONFIG_MBEDTLS_RSA_C 1
#define CONFIG_MBEDTLS_ENTROPY_C 1
#define CONFIG_MBEDTLS_CTR_DRBG_C 1
#define CONFIG_MBEDTLS_CIPHER_C 1
#define CONFIG_MBEDTLS_AES_C 1
#define CONFIG_MBEDTLS_SHA256_C 1
#define CONFIG_MBEDTLS_SHA512_C 1
#define CONFIG_MBEDTLS_SHA1_C 1
#define CONFIG_MBEDTLS_GCM_C 1
#define CONFIG_MBEDTLS_CCM_C 1
#define CONFIG_MBEDTLS_ECP_C 1
#define CONFIG_MBEDTLS_ECDH_C 1
#define CONFIG_MBEDTLS_ECDSA_C 1
#define CONFIG_MBEDTLS_ECDSA_DETERMINISTIC 1
#define CONFIG_MBEDTLS_HMAC_DRBG_C 1
#define CONFIG_MBEDTLS_PSA_CRYPTO_C 1
#define CONFIG_MBEDTLS_ECP_DP_SECP256R1_ENABLED 1
#define CONFIG_MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA 1
#define CONFIG_MBEDTLS_KEY_EXCHANGE_ECDHE_RSA 1
#define CONFIG_MBEDTLS_HARDWARE_SHA 1
#define CONFIG_MBEDTLS_HARDWARE_AES 1
#define CONFIG_MBEDTLS_HARDWARE_MPI 1
#define CONFIG_LWIP_MAX_SOCKETS 10
#define CONFIG_TCPIP_LWIP 1
"""

# What ESP-IDF's own toolchain has and other compilers for Xtensa lack; never looked at where the real ones are.
LIBRARY = {
    "sys/reent.h": "struct _reent { int unused; };\n",
    "reent.h": "#include <sys/reent.h>\n",
    "pthread.h": "typedef int pthread_mutex_t;\n",
    "sys/lock.h": "typedef int _LOCK_T; typedef int _lock_t;\n",
}

# Instead of lwIP, a submodule that is often missing: nothing of sockets is used here.
SOCKETS = {
    "sys/socket.h": "#pragma once\n#include <sys/select.h>\ntypedef unsigned socklen_t;\n"
                    "struct ifreq; struct sockaddr;\nenum { AF_UNSPEC, AF_INET = 2, AF_INET6 = 10 };\n",
    "lwip/ip_addr.h": "#pragma once\ntypedef struct { unsigned a; } ip4_addr_t;\n"
                      "typedef struct { unsigned a[4]; } ip6_addr_t;\ntypedef struct { unsigned a[5]; } ip_addr_t;\n",
    "dhcpserver/dhcpserver.h": "#pragma once\ntypedef int dhcps_lease_t;\n",
    "sys/select.h": "#pragma once\n#include <sys/types.h>\ntypedef struct { unsigned bits[2]; } fd_set;\n",
}


def version_of(tree: Path) -> tuple[int, int, int]:
    """Major, minor, patch; patch releases before v4.1 say so in their header, too."""
    text = (tree / "components/esp_common/include/esp_idf_version.h").read_text()
    return tuple(int(re.search(rf"ESP_IDF_VERSION_{part}\s+(\d+)", text)[1]) for part in ("MAJOR", "MINOR", "PATCH"))


def range_of(version: tuple[int, int, int]) -> str:
    """The set of declarations for a version."""
    return {4: "4.4" if version[1] >= 4 else "4.0", 5: "5", 6: "6"}.get(version[0], "6")


STANDARDS = {"4.0": "gnu99", "4.4": "gnu99", "5": "gnu17", "6": "gnu2x"}


class Compiler:
    """Type-checks files, with warnings as errors as ESP-IDF v6 has them."""

    def __init__(self, program: str, versions: str, includes: list[Path], system: list[Path], last: Path,
                 flags: list[str]) -> None:
        self.versions = versions
        self.command = [program, "-fsyntax-only", f"-std={STANDARDS[versions]}", "-Wall", "-Wextra", "-Werror",
                        "-D_GNU_SOURCE", "-DESP_PLATFORM", *flags]
        for option, folders in (("-I", [*includes, PORT / "include", ROOT, ROOT / "include"]), ("-isystem", system)):
            for folder in folders:
                self.command += [option, str(folder)]
        self.command += ["-idirafter", str(last)]

    def check(self, source: Path, *flags: str) -> str:
        """Messages of the compiler; empty if there are none."""
        done = subprocess.run([*self.command, *flags, str(source)], capture_output=True, text=True, check=False)
        return done.stderr.strip()


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def for_tree(program: str, path: Path, version: tuple[int, int, int], mbedtls: list[Path], out: Path) -> Compiler:
    """Against the headers of the tree at path."""
    options = write_files(out / "options", {
        "sdkconfig.h": f'#include "{PORT}/declarations/all/sdkconfig.h"\n{OPTIONS}'})
    system = [write_files(out / "sockets", SOCKETS), *mbedtls]
    system += [folder for folder in (path / "components" / name for name in INCLUDES) if folder.is_dir()]
    flags = ["-mlongcalls", '-DMBEDTLS_CONFIG_FILE="mbedtls/esp_config.h"']
    if version >= (6, 0, 0):
        flags.append('-DTF_PSA_CRYPTO_USER_CONFIG_FILE="mbedtls/esp_config.h"')
    return Compiler(program, range_of(version), [options], system, write_files(out / "library", LIBRARY), flags)


def for_declarations(program: str, versions: str, mbedtls: list[Path], out: Path) -> Compiler:
    """Against the own declarations of a range of versions, and the mbedTLS that this system has."""
    own = [PORT / "declarations" / versions, PORT / "declarations" / "all"]
    if not mbedtls:
        for name in ("mbedtls", "psa"):
            (out / "mbedtls").mkdir(exist_ok=True)
            (out / "mbedtls" / name).symlink_to(f"/usr/include/{name}")
        mbedtls = [out / "mbedtls"]
    return Compiler(program, versions, own, mbedtls, write_files(out / "library", LIBRARY), [])


def strip(text: str) -> str:
    """A declaration file without comments, attributes, includes, and what is its own: marked lines."""
    lines = [line for line in text.splitlines() if not line.rstrip().endswith("// of this set")]
    text = re.sub(r"//.*", "", "\n".join(lines))
    text = re.sub(r"^#(include|pragma).*$", "", text, flags=re.M)
    return re.sub(r"__attribute__\(\(.*?\)\)(?=;)", "", text)


def assertions_of_structure(name: str, body: str) -> list[str]:
    """Each member exists and has the type."""
    result = []
    for member in filter(None, (part.strip() for part in body.split(";"))):
        pointer = re.fullmatch(r"(.+?)\(\*(\w+)\)(\(.*\))", member, re.S)
        plain = re.fullmatch(r"(.+?)\b(\w+)(\[\d+\])?", member, re.S)
        kind = f"{pointer[1]}(*){pointer[3]}" if pointer else f"{plain[1]}{plain[3] or ''}"
        field = (pointer or plain)[2]
        result.append(f"_Static_assert(__builtin_types_compatible_p(__typeof__((({name} *)0)->{field}), {kind}), "
                      f'"{name}.{field}");')
    return result


def assertions_of_enumeration(body: str) -> list[str]:
    """Each constant has its value: the one before it and one more, where it is not said."""
    result, value = [], "-1"
    for constant in filter(None, (part.strip() for part in body.split(","))):
        field, _, given = (part.strip() for part in constant.partition("="))
        value = given or f"({value}) + 1"
        result.append(f'_Static_assert((int)({field}) == (int)({value}), "{field}");')
    return result


def assertions(text: str) -> list[str]:
    """C that compiles only behind headers that declare what the text declares. What is a macro there is only looked
    for."""
    text, result = strip(text), []
    for name, value in re.findall(r"^#define (\w+)\s+(.+)$", text, re.M):
        result.append(f'_Static_assert(({name}) == ({value}), "{name}");')
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    for body, name in re.findall(r"typedef struct(?: \w+)? \{(.*?)\} (\w+);", text, re.S):
        result += assertions_of_structure(name, body)
    for body, name in re.findall(r"typedef enum(?: \w+)? \{(.*?)\} (\w+);", text, re.S):
        result += [f"extern {name} ss_has_{name};", *assertions_of_enumeration(body)]
    text = re.sub(r"typedef (struct|enum)[^;{]*\{.*?\} \w+;", "", text, flags=re.S)
    for kind, name in re.findall(r"^typedef ((?!struct)[^;()]+?) ?(\w+);", text, re.M):
        result.append(f'_Static_assert(__builtin_types_compatible_p({kind}, {name}), "{name}");')
    for name in re.findall(r"^typedef [^;]*?(\w+)\)?(?:\([^;]*\))?;", text, re.M):
        result.append(f"extern {name} ss_is_{name};")
    text = re.sub(r"^typedef [^;]*;", "", text, flags=re.M)
    for prototype in filter(None, (part.strip() for part in text.split(";"))):
        name = re.search(r"(\w+)\s*\(", prototype)[1]
        result.append(f"#ifndef {name}\n__typeof__({name}) *ss_at_{name} = {name};\n{prototype};\n#endif")
    return result


def compare(compiler: Compiler, out: Path, show: int) -> bool:
    """Every declaration against the tree's own."""
    same = True
    for folder in ("all", compiler.versions):
        base = PORT / "declarations" / folder
        for header in sorted(base.rglob("*.h")):
            if header.name in ("sdkconfig.h", "esp_idf_version.h"):
                continue
            name = str(header.relative_to(base))
            before = '#include "freertos/FreeRTOS.h"\n' if name.startswith("freertos/") else ""
            source = out / "declarations.c"
            lines = assertions(header.read_text())
            common = "#include <stddef.h>\n#include <stdint.h>\n#include <sys/types.h>\n"
            source.write_text(f'{common}{before}#include "{name}"\n' + "\n".join(lines) + "\n")
            same &= report(f"declarations/{folder}/{name} ({len(lines)})", compiler.check(source), show)
    return same


def check_port(compiler: Compiler, show: int) -> bool:
    """Every file of the component and the example; the port and the crypto provider as two apps have them configured."""
    listed = re.findall(r"[a-z0-9_/]+\.c", (ROOT / "device/sources.cmake").read_text())
    listed += ["core/crypto_psa.c" if compiler.versions == "6" else "core/crypto_mbedtls.c",
               "examples/device-idf/main/main.c"]
    same = True
    for name in listed:
        same &= report(name, compiler.check(ROOT / name), show)
        if name.startswith("device/port/") or "crypto" in name:
            same &= report(f"{name} (small)", compiler.check(ROOT / name, "-DSS_DECLARATIONS_SMALL"), show)
    return same


def report(name: str, messages: str, show: int) -> bool:
    """One line, and what the compiler says; True if that is nothing."""
    print(f"{name}: {'DIFFERS' if messages else 'ok'}")
    for line in messages.splitlines()[:show]:
        print(f"    {line}")
    return not messages


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("tree", type=Path, nargs="?", help="an ESP-IDF tree")
    what.add_argument("--declarations", choices=STANDARDS, metavar="RANGE",
                      help=f"check against the declarations alone: {', '.join(STANDARDS)}")
    parser.add_argument("--mbedtls", type=Path, action="append", default=[], metavar="INCLUDE",
                        help="folder of headers to take instead of the tree's submodule, or the system's; repeatable")
    parser.add_argument("--compiler", default="xtensa-lx106-elf-gcc", help="default: %(default)s")
    parser.add_argument("--show", type=int, default=12, help="lines of messages of each file (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        if arguments.declarations:
            compiler = for_declarations(arguments.compiler, arguments.declarations, arguments.mbedtls, out)
            return 0 if check_port(compiler, arguments.show) else 1
        version = version_of(arguments.tree)
        print(f"ESP-IDF {'.'.join(map(str, version))}: declarations {range_of(version)}")
        compiler = for_tree(arguments.compiler, arguments.tree, version, arguments.mbedtls, out)
        same = check_port(compiler, arguments.show)
        same &= compare(compiler, out, arguments.show)
    print("all the same" if same else "something differs")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
