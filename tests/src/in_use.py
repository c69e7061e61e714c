"""AWS refuses to delete what is in use; moto deletes it."""
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.rds.exceptions import RDSClientError
from moto.rds.models import RDSBackend, rds_backends


def instances(ec2):
    """The database instances beside that EC2."""
    return rds_backends[ec2.account_id][ec2.region_name].databases.values()


def group_of(instance):
    """The subnet group of an instance; moto's have none where none was given."""
    return getattr(instance, "db_subnet_group", None)


def vpc(ec2, vpc_id):
    """What is left in a VPC; moto itself looks for subnets and route tables."""
    yield from (g for g in ec2.internet_gateways.values() if g.vpc and g.vpc.id == vpc_id)
    yield from (g for g in ec2.groups.get(vpc_id, {}).values() if g.name != "default")
    yield from (e for e in ec2.vpc_end_points.values() if e.vpc_id == vpc_id and e.state != "deleted")


def subnet(ec2, subnet_id):
    """What has a network interface in a subnet."""
    yield from (n for n in ec2.nat_gateways.values() if n.subnet_id == subnet_id and n.state != "deleted")
    yield from (e for e in ec2.vpc_end_points.values() if subnet_id in (e.subnet_ids or ()) and e.state != "deleted")
    for instance in instances(ec2):
        group = group_of(instance)
        yield from (s for s in (group.subnets if group else ()) if s["SubnetIdentifier"] == subnet_id)


def security_group(ec2, group_id):
    """What is in a security group, and other groups' rules that name it."""
    for groups in ec2.groups.values():
        for group in (g for g in groups.values() if g.id != group_id):
            rules = [*group.ingress_rules, *group.egress_rules]
            yield from (r for r in rules if r.source_group.get("GroupId") == group_id)
    yield from (i for i in instances(ec2) if group_id in i.vpc_security_group_ids)
    yield from (e for e in ec2.vpc_end_points.values() if group_id in e.security_group_ids and e.state != "deleted")


def internet_gateway(ec2, _, vpc_id):
    """The public addresses in the VPC that it is attached to."""
    yield from (n for n in ec2.nat_gateways.values() if n.vpc_id == vpc_id and n.state != "deleted")
    yield from (i for i in instances(ec2) if i.publicly_accessible and group_of(i) and group_of(i).vpc_id == vpc_id)


def address(ec2, allocation_id):
    """The NAT gateways that speak with an address."""
    for gateway in ec2.nat_gateways.values():
        used = [a.get("allocationId") for a in gateway.address_set]
        if gateway.state != "deleted" and allocation_id in used:
            yield gateway


def subnet_group(rds, name):
    """The instances in a subnet group."""
    yield from (i for i in rds.databases.values() if group_of(i) and group_of(i).name == name)


def parameter_group(rds, name):
    """The instances with a parameter group."""
    yield from (i for i in rds.databases.values() if i.db_parameter_group_name == name)


def end_associations(self, subnet_id, delete=EC2Backend.delete_subnet):
    """AWS ends a subnet's association with a route table; moto's stays."""
    for table in self.route_tables.values():
        table._associations = {key: each for key, each in table._associations.items() if each != subnet_id}
    return delete(self, subnet_id)


def end_endpoints(self, vpce_ids=None, delete=EC2Backend.delete_vpc_endpoints):
    """AWS takes a route table that goes out of its endpoints; moto's endpoints look for it when they go."""
    for endpoint in (self.vpc_end_points.get(each) for each in vpce_ids or []):
        if endpoint:
            endpoint.route_table_ids = [table for table in endpoint.route_table_ids or [] if table in self.route_tables]
    return delete(self, vpce_ids)


def guard(backend, call, users, error, code):
    """Has a delete call look for users first."""
    delete = getattr(backend, call)

    def guarded(self, *arguments, **named):
        ids = [each for each in (*arguments, *named.values()) if each]
        if any(True for _ in users(self, *ids)):
            raise error(code, f"{ids[0]} is in use")
        return delete(self, *arguments, **named)

    setattr(backend, call, guarded)


EC2Backend.delete_subnet = end_associations
EC2Backend.delete_vpc_endpoints = end_endpoints
for each in (
    (EC2Backend, "delete_vpc", vpc, EC2ClientError, "DependencyViolation"),
    (EC2Backend, "delete_subnet", subnet, EC2ClientError, "DependencyViolation"),
    (EC2Backend, "delete_security_group", security_group, EC2ClientError, "DependencyViolation"),
    (EC2Backend, "detach_internet_gateway", internet_gateway, EC2ClientError, "DependencyViolation"),
    (EC2Backend, "release_address", address, EC2ClientError, "InvalidIPAddress.InUse"),
    (RDSBackend, "delete_subnet_group", subnet_group, RDSClientError, "InvalidDBSubnetGroupStateFault"),
    (RDSBackend, "delete_db_parameter_group", parameter_group, RDSClientError, "InvalidDBParameterGroupState"),
):
    guard(*each)
