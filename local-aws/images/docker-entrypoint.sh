#!/bin/sh
# Answers to the official postgres image's environment, with the speed of a database that nobody will miss.
set -e
case $1 in postgres) shift ;; esac
mkdir -p "$PGDATA" /run/postgresql
chown postgres:postgres "$PGDATA" /run/postgresql
chmod 700 "$PGDATA"
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_USER:=postgres}" "${POSTGRES_DB:=$POSTGRES_USER}"
    umask 077
    printf %s "$POSTGRES_PASSWORD" > /run/password
    chown postgres /run/password
    as_postgres initdb -U "$POSTGRES_USER" --pwfile=/run/password -A scram-sha-256 -E UTF8 --no-sync > /dev/null
    rm /run/password
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    cat >> "$PGDATA/postgresql.conf" <<-'CONF'
	listen_addresses = '*'
	fsync = off
	synchronous_commit = off
	full_page_writes = off
	jit = off
	max_wal_size = 64MB
	min_wal_size = 32MB
	CONF
    if [ "$POSTGRES_DB" != postgres ]; then
        printf 'CREATE DATABASE "%s";\n' "$POSTGRES_DB" | as_postgres postgres --single -D "$PGDATA" postgres > /dev/null
    fi
fi
exec setpriv --reuid postgres --regid postgres --clear-groups postgres "$@"
