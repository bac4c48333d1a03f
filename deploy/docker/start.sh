#!/bin/sh
# NODE_ID=address names the node after the last part of its address, n17 on 172.28.5.17: that is how Nginx finds the
# container of a session again (nodes.conf), however many there are.
set -eu
if [ "${NODE_ID:-}" = address ]; then
  address=$(hostname -i | cut -d ' ' -f 1)
  NODE_ID="n${address##*.}"
  export NODE_ID
fi
exec node_modules/node/bin/node src/main.ts
