"""RDS."""
from pathlib import Path

from ministack.services import ec2, rds

# Where this RDS's authority is on the host, and where images of ours have the authorities of AWS's.
AUTHORITY, AUTHORITIES = Path("rds-ca.pem").resolve(), "/opt/dbt-aws/rds-ca.pem"


def install():
    """Puts the corrections in place."""
    rds._ACTION_MAP["ModifyDBInstance"] = with_upgrades(rds._ACTION_MAP["ModifyDBInstance"])
    rds._ACTION_MAP["CreateDBInstance"] = unless_cut_off(rds._ACTION_MAP["CreateDBInstance"])
    rds._run_rds_container = with_certificate_of_address(rds._run_rds_container)
    AUTHORITY.write_text(rds.pg_ca_cert_pem())


def with_upgrades(original):
    """AWS changes whether a database takes minor versions by itself; the emulator leaves it as it was made."""

    def modify(params):
        instance = rds._resolve_instance(rds._p(params, "DBInstanceIdentifier"))
        upgrades = rds._p(params, "AutoMinorVersionUpgrade")
        if instance and upgrades:
            instance["AutoMinorVersionUpgrade"] = upgrades == "true"
        return original(params)

    return modify


def unless_cut_off(original):
    """AWS makes no public database in a VPC without an internet gateway; the emulator makes it."""

    def create(params):
        group = rds._subnet_groups.get(rds._p(params, "DBSubnetGroupName"))
        attached = [to["VpcId"] for gateway in ec2._internet_gateways.values() for to in gateway["Attachments"]]
        if group and rds._p(params, "PubliclyAccessible") == "true" and group["VpcId"] not in attached:
            reason = "Cannot create a publicly accessible DBInstance. The specified VPC has no internet gateway attached."
            return rds._error("InvalidVPCNetworkStateFault", reason, 400)
        return original(params)

    return create


def with_certificate_of_address(original):
    """A database's certificate names its endpoint. The emulator's endpoint is the container's address, which is known
    only when the container runs; PostgreSQL, process 1 in it, reads its certificate again at SIGHUP."""

    def run(client, engine, options, **names):
        container = original(client, engine, options, **names)
        container.reload()
        networks = container.attrs["NetworkSettings"]["Networks"].values()
        addresses = [network["IPAddress"] for network in networks if network["IPAddress"]]
        if "postgres" in engine and addresses:
            material = rds._pg_server_material([], [*addresses, "127.0.0.1"])
            container.put_archive("/", rds._pg_tls_archive(*material))
            container.exec_run(["chown", "-R", "postgres:postgres", rds._PG_TLS_DIR], user="0:0")
            container.kill("SIGHUP")
        return container

    return run
