// SPDX-License-Identifier: Apache-2.0
// The network stack.
#pragma once

void tcpip_adapter_init(void);
