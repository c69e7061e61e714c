"""EC2's network."""
import ipaddress
import re
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, rds


def install():
    """Puts the corrections in place."""
    actions = ec2._ACTION_MAP
    actions["CreateVpcEndpoint"] = keeping_policy(actions["CreateVpcEndpoint"])
    ec2._vpce_fields_xml = with_policy(ec2._vpce_fields_xml)
    for action in ("CreateNatGateway", "CreateRouteTable", "CreateVpcEndpoint"):
        actions[action] = with_token(action, actions[action])
    actions["AssociateRouteTable"] = unless(associated, actions["AssociateRouteTable"])
    actions["CreateRoute"] = unless(routed, actions["CreateRoute"])
    actions["CreateSubnet"] = unless(overlapping, actions["CreateSubnet"])
    actions["DetachInternetGateway"] = unless(mapped, actions["DetachInternetGateway"])
    actions["ReleaseAddress"] = unless(in_use, actions["ReleaseAddress"])
    for action, rules in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
        name = f"AuthorizeSecurityGroup{action}"
        actions[name] = unless(allowed(rules), actions[name])
    actions["DescribeVpcEndpoints"] = describe_endpoints
    actions["DescribeAddresses"] = by_tag(actions["DescribeAddresses"])
    actions["DescribeNatGateways"] = with_addresses(actions["DescribeNatGateways"])


def with_token(action, original):
    """AWS answers a token that was used with what it made then, and refuses it where the parameters differ; the emulator
    makes another."""
    answers = {}

    def create(params):
        token = ec2._p(params, "ClientToken")
        key = get_account_id(), get_region(), token
        if token and key in answers:
            used, answer = answers[key]
            mismatch = "IdempotentParameterMismatch", "The client token was used with other parameters."
            return answer if used == params else ec2._error(*mismatch, 400)
        answer = original(params)
        if token and answer[0] == 200:
            answers[key] = dict(params), answer
        return answer

    return create


def unless(conflict, original):
    """AWS refuses a second in the same place; the emulator makes it."""

    def create(params):
        refusal = conflict(params)
        return ec2._error(*refusal, 400) if refusal else original(params)

    return create


def associated(params):
    subnet, table = ec2._p(params, "SubnetId"), ec2._p(params, "RouteTableId")
    if any(a.get("SubnetId") == subnet for t in ec2._route_tables.values() for a in t["Associations"]):
        return "Resource.AlreadyAssociated", f"the specified association for route table {table} conflicts with an existing association"


def routed(params):
    table = ec2._route_tables.get(ec2._p(params, "RouteTableId")) or {"Routes": []}
    block = ec2._p(params, "DestinationCidrBlock")
    if any(route.get("DestinationCidrBlock") == block for route in table["Routes"]):
        return "RouteAlreadyExists", f"The route identified by {block} already exists."


def overlapping(params):
    vpc, block = ec2._p(params, "VpcId"), ec2._p(params, "CidrBlock")
    there = [s["CidrBlock"] for s in ec2._subnets.values() if s["VpcId"] == vpc]
    if any(ipaddress.ip_network(block).overlaps(ipaddress.ip_network(other)) for other in there):
        return "InvalidSubnet.Conflict", f"The CIDR '{block}' conflicts with another subnet"


def mapped(params):
    """The conflict of a detachment with a public database in the VPC."""
    vpc = ec2._p(params, "VpcId")
    if any(i.get("PubliclyAccessible") and i["DBSubnetGroup"].get("VpcId") == vpc for i in rds._instances.values()):
        return "DependencyViolation", f"Network {vpc} has some mapped public address(es). Please unmap those before detaching the gateway."


def in_use(params):
    address = ec2._p(params, "AllocationId")
    if any(nat["AllocationId"] == address and nat["State"] != "deleted" for nat in ec2._nat_gateways.values()):
        return "InvalidIPAddress.InUse", f"Address {address} is in use."


def allowed(rules):
    """The conflict of a rule with one of the group's rules of that direction."""

    def conflict(params):
        group = ec2._security_groups.get(ec2._p(params, "GroupId")) or {rules: []}
        wanted = ec2._parse_ip_permissions(params, "IpPermissions")
        if any(ec2._rules_match(rule, there) for rule in wanted for there in group[rules]):
            return "InvalidPermission.Duplicate", "the specified rule already exists"

    return conflict


def describe_endpoints(params):
    """AWS tells the endpoints that filters choose; the emulator all of them."""
    filters, ids = ec2._parse_filters(params), ec2._parse_member_list(params, "VpcEndpointId")
    items = [ec2._vpce_fields_xml(endpoint) for key, endpoint in ec2._vpc_endpoints.items()
             if (not ids or key in ids) and endpoint["VpcId"] in filters.get("vpc-id", [endpoint["VpcId"]])
             and ec2._resource_matches_tag_filters(key, filters)]
    return ec2._xml(200, "DescribeVpcEndpointsResponse", f"<vpcEndpointSet>{''.join(items)}</vpcEndpointSet>")


def by_tag(original):
    """AWS tells the addresses that filters choose; the emulator all of them."""

    def describe(params):
        filters = ec2._parse_filters(params)
        status, headers, body = original(params)
        item = re.compile(r"<item>\s*<allocationId>([\w-]+)</allocationId>.*?</tagSet>\s*</item>", re.DOTALL)
        chosen = item.sub(lambda found: found[0] if ec2._resource_matches_tag_filters(found[1], filters) else "",
                          body.decode().replace("<tagSet/>", "<tagSet></tagSet>"))
        return status, headers, chosen.encode()

    return describe


def with_addresses(original):
    """AWS tells a NAT gateway's addresses; the emulator forgets them."""

    def address(nat):
        allocation = ec2._nat_gateways[nat]["AllocationId"]
        public = (ec2._addresses.get(allocation) or {}).get("PublicIp", "")
        return (f"<natGatewayAddressSet><item><allocationId>{allocation}</allocationId>"
                f"<publicIp>{public}</publicIp></item></natGatewayAddressSet>")

    def describe(params):
        status, headers, body = original(params)
        item = re.compile(r"(<natGatewayId>(nat-\w+)</natGatewayId>.*?)<natGatewayAddressSet/>", re.DOTALL)
        text = item.sub(lambda found: found[1] + address(found[2]), body.decode())
        return status, headers, text.encode()

    return describe


def keeping_policy(original):
    """The emulator forgets the policy that an endpoint is made with."""

    def create(params):
        answer = original(params)
        made = re.search(rb"<vpcEndpointId>(vpce-\w+)<", answer[2])
        if made and ec2._p(params, "PolicyDocument"):
            ec2._vpc_endpoints[made[1].decode()]["PolicyDocument"] = ec2._p(params, "PolicyDocument")
        return answer

    return create


def with_policy(original):
    """AWS tells an endpoint's policy; the emulator keeps it to itself."""

    def fields(endpoint, tag="item"):
        policy = escape(endpoint.get("PolicyDocument") or "")
        start, end, _ = original(endpoint, tag).rpartition(f"</{tag}>")
        return f"{start}<policyDocument>{policy}</policyDocument>{end}"

    return fields
