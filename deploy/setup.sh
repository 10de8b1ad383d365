#!/bin/sh
# Runs once before the service: the topics, and the two keys that a first start needs.
# Keys are shown only when they are made, so they are kept in a volume: one that Prometheus
# scrapes with (its scope covers no organisation), one for the operator.
set -eu

secrets=${EARSHOT_SECRETS:-/run/earshot}
umask 027

# Topics that exist keep their number, unless another one is asked for: then this says so.
earshot topics create ${EARSHOT_PARTITIONS:+--partitions "$EARSHOT_PARTITIONS"}

make_key() {
    file=$1
    shift
    if [ ! -s "$secrets/$file" ]; then
        earshot keys create "$@" > "$secrets/$file.new"
        mv "$secrets/$file.new" "$secrets/$file"
    fi
}

# The role opens the figures of the whole house; the scope is nobody's, so no organisation's data.
make_key prometheus.token --scope PROMETHEUS --role operator --label prometheus
make_key operator.token --scope "${EARSHOT_OPERATOR_SCOPE:-ENG}" --role operator --label operator
# Prometheus runs as another user and only needs to read its own key.
chmod 0755 "$secrets"
chmod 0644 "$secrets/prometheus.token"
