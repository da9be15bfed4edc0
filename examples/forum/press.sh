#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: press.sh SLOTSEAL CHIP download|run
#
# The buttons of a served virtual chip's board, for --reset-command: a pseudo-terminal has neither DTR nor RTS.
set -e
case $3 in download) strap=download ;; *) strap=flash ;; esac
"$1" chip strap "$2" "$strap"
"$1" chip reset "$2"
