"""RDS."""
from ministack.services import rds


def install():
    """Puts the corrections in place."""
    rds._ACTION_MAP["ModifyDBInstance"] = with_upgrades(rds._ACTION_MAP["ModifyDBInstance"])


def with_upgrades(original):
    """AWS changes whether a database takes minor versions by itself; the emulator leaves it as it was made."""

    def modify(params):
        instance = rds._resolve_instance(rds._p(params, "DBInstanceIdentifier"))
        upgrades = rds._p(params, "AutoMinorVersionUpgrade")
        if instance and upgrades:
            instance["AutoMinorVersionUpgrade"] = upgrades == "true"
        return original(params)

    return modify
