"""DynamoDB takes its time, and refuses what comes too soon; moto does all at once."""
from moto.dynamodb.exceptions import MockValidationException, ResourceInUseException
from moto.dynamodb.models import DynamoDBBackend
from moto.core.exceptions import JsonRESTError

TYPE = "com.amazonaws.dynamodb.v20120810#"


def create_table(self, name, *others, create=DynamoDBBackend.create_table, **more):
    """A table is not ready at once, and the name of one that is being deleted is not free."""
    if hasattr(self.tables.get(name), "going"):
        raise ResourceInUseException(f"Table is being deleted: {name}")
    table = create(self, name, *others, **more)
    table.coming = 1
    return table


def describe_table(self, name, describe=DynamoDBBackend.describe_table):
    """A look later a table is ready, or gone."""
    answer = describe(self, name)
    table = self.tables[name]
    if hasattr(table, "going"):
        answer["Table"]["TableStatus"] = "DELETING"
        table.going -= 1
        if table.going < 0:
            self.tables.pop(name)
    elif table.coming:
        answer["Table"]["TableStatus"] = "CREATING"
        table.coming -= 1
    return answer


def delete_table(self, name, delete=DynamoDBBackend.delete_table):
    """A table is there for a while."""
    if hasattr(self.tables.get(name), "going"):
        raise ResourceInUseException(f"Table is being deleted: {name}")
    table = delete(self, name)
    table.going = 1
    self.tables[name] = table
    return table


def update_time_to_live(self, table_name, ttl_spec, update=DynamoDBBackend.update_time_to_live):
    """One attribute at a time, and, of one that is called hourly, one change."""
    table = self.get_table(table_name)
    if getattr(table, "coming", 0):
        raise ResourceInUseException(f"Table is being created: {table_name}")
    on = table.ttl["TimeToLiveStatus"] == "ENABLED"
    if on == ttl_spec["Enabled"]:
        if on and table.ttl["AttributeName"] != ttl_spec["AttributeName"]:
            raise MockValidationException("TimeToLive is active on a different AttributeName: current AttributeName is "
                                          + table.ttl["AttributeName"])
        raise MockValidationException(f"TimeToLive is already {'enabled' if on else 'disabled'}")
    if "hourly" in table_name and hasattr(table, "changed"):
        raise MockValidationException("Time to live has been modified multiple times within a fixed interval")
    table.changed = True
    update(self, table_name, ttl_spec)


def update_continuous_backups(self, table_name, point_in_time_spec, update=DynamoDBBackend.update_continuous_backups):
    """The first answer for a table that is made anew is that it comes too soon."""
    table = self.get_table(table_name)
    if table_name.startswith("anew") and not hasattr(table, "backed_up"):
        table.backed_up = True
        raise JsonRESTError(TYPE + "ContinuousBackupsUnavailableException",
                            f"Backups are being enabled for the table: {table_name}. Please retry later")
    return update(self, table_name, point_in_time_spec)


def tag_resource(self, arn, tags, tag=DynamoDBBackend.tag_resource):
    """A tag has one value; moto adds another of the same key."""
    self.untag_resource(arn, list(tags))
    tag(self, arn, tags)


DynamoDBBackend.create_table = create_table
DynamoDBBackend.describe_table = describe_table
DynamoDBBackend.delete_table = delete_table
DynamoDBBackend.tag_resource = tag_resource
DynamoDBBackend.update_time_to_live = update_time_to_live
DynamoDBBackend.update_continuous_backups = update_continuous_backups
