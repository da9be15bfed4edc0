// SPDX-License-Identifier: Apache-2.0
// What an ESP-IDF v4.0.1 app with secure boot V1 carries: 64 raw bytes, X then Y, of the key that verifies the next
// update, under the names its build gives to an embedded file. Here they are a template to be replaced per device.
    .section .rodata.embedded, "a"
    .global _binary_signature_verification_key_bin_start
    .global _binary_signature_verification_key_bin_end
    .balign 4
_binary_signature_verification_key_bin_start:
    .incbin KEY_FILE
_binary_signature_verification_key_bin_end:
