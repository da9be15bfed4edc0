// SPDX-License-Identifier: Apache-2.0
// Telling systemd how it stands (sd_notify(3)), without its library.
#ifndef SS_SERVER_NOTIFY_H
#define SS_SERVER_NOTIFY_H

/// Makes the socket, while the process may. Without $NOTIFY_SOCKET nothing.
void ss_notify_open(void);
/// Sends @p state ("READY=1", "STOPPING=1") to $NOTIFY_SOCKET, if there is one and it was opened.
void ss_notify(const char *state);

#endif
