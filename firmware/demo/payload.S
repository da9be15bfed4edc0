// SPDX-License-Identifier: Apache-2.0
// PAYLOAD_FILE is what payload_gen wrote.
    .section .rodata.payload, "a"
    .global demo_payload
    .global demo_payload_end
    .balign 4
demo_payload:
    .incbin PAYLOAD_FILE
demo_payload_end:
