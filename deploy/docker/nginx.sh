#!/bin/sh
# Nginx in a container: the site of nginx.conf over the nodes of deploy/docker/nodes.conf.
set -eu
cd "$(dirname "$0")"
{
  cat nodes.conf
  # The network has no IPv6.
  sed -n '/^# ── The site/,$p' nginx.conf | sed '/listen \[::\]/d'
} >/etc/nginx/conf.d/default.conf
exec nginx -g 'daemon off;'
