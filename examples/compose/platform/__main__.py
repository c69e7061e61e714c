import pulumi
import pulumi_dbt_aws as dbt

vpc = dbt.ec2.Vpc("network", cidr_block="10.20.0.0/16")
gateway = dbt.ec2.InternetGateway("internet", vpc_id=vpc.vpc_id)
routes = dbt.ec2.RouteTable("routes", vpc_id=vpc.vpc_id)
out = dbt.ec2.Route(
    "out",
    route_table_id=routes.route_table_id,
    destination_cidr_block="0.0.0.0/0",
    gateway_id=gateway.internet_gateway_id,
)

zones = dbt.get_availability_zones_output().names
subnets = []
for i in range(2):
    subnet = dbt.ec2.Subnet(f"subnet-{i}", vpc_id=vpc.vpc_id, cidr_block=f"10.20.{i}.0/24", availability_zone=zones[i])
    dbt.ec2.RouteTableAssociation(f"routed-{i}", subnet_id=subnet.subnet_id, route_table_id=routes.route_table_id)
    subnets.append(subnet.subnet_id)

platform = dbt.DbtPlatform(
    "analytics",
    network={"existing": {"vpc_id": vpc.vpc_id, "task_subnet_ids": subnets, "assign_public_ip": True}},
    retain_data=False,
    opts=pulumi.ResourceOptions(depends_on=[out]),
)

pulumi.export("handle", platform.handle)
pulumi.export("warehouse", platform.warehouse)
pulumi.export("logGroupName", platform.log_group_name)
