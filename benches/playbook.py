"""The platform's objects of objects.py as an Ansible playbook, as far as amazon.aws and community.aws make them."""
import json
import secrets

ANYWHERE = "0.0.0.0/0"
# What objects.py makes and these modules do not.
MISSING = {
    "modules": ["ECS cluster: settings, tags", "security group rules: tags", "S3 lifecycle rule: filter by tag"],
    # moto answers the module's questions otherwise than AWS.
    "moto": ["RDS parameter group", "security group rule: description", "RDS instance: storage gp3",
             "ECS cluster: without capacity providers"],
}


class Playbook:
    """Tasks in the order of their creation; what a task made is known to others under its name."""

    def __init__(self):
        self.marker, self.tasks = f"objects-{secrets.token_hex(4)}", []
        self.network()
        self.warehouse()
        self.place()

    def add(self, name, module, identity, present, absent=(), tags=True):
        """An object: what tells it from others, what else it is made with, and what its deletion needs."""
        tags = {"tags": {"Name": name, "marker": f"{self.marker}/{name}"}} if tags else {}
        self.tasks.append((name.replace("-", "_"), module, {**identity, **tags, **present}, dict(absent or identity)))

    def named(self, name):
        return f"{self.marker}-{name}"

    def play(self, verb, state):
        """A play that makes all, and writes down what it made, or deletes it."""
        if verb == "delete":
            tasks = [{"name": name, module: {**absent, "state": "absent"}}
                     for name, module, _, absent in reversed(self.tasks) if absent.pop("delete", True)]
            return json.dumps([{"hosts": "localhost", "gather_facts": False, "vars_files": [str(state)], "tasks": tasks}])
        # Like EC2 at times, the emulator does not know a group at once, and the module does not wait for it.
        again = {"until": "warehouse is succeeded", "retries": 1, "delay": 0}
        tasks = [{"name": name, module: {**present, "state": "present"}, "register": name,
                  **(again if name == "warehouse" else {})}
                 for name, module, present, _ in self.tasks]
        known = "{{ {" + ", ".join(f"'{name}': {name}" for name, *_ in self.tasks) + "} | to_json }}"
        if verb == "create":
            tasks.append({"name": "ids", "ansible.builtin.copy": {"content": known, "dest": str(state), "mode": "0600"}})
        return json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])

    def network(self):
        vpc = {"vpc_id": "{{ vpc.vpc.id }}"}
        self.add("vpc", "amazon.aws.ec2_vpc_net", {"name": "vpc", "cidr_block": ["10.0.0.0/16"]},
                 {"dns_support": True, "dns_hostnames": True}, vpc)
        for kind, first in ("private", 0), ("public", 128):
            for zone in 0, 1:
                self.add(f"{kind}-{zone}", "amazon.aws.ec2_vpc_subnet", {**vpc, "cidr": f"10.0.{first + 16 * zone}.0/20"},
                         {"az": f"us-east-1{'ab'[zone]}"})
        self.add("internet", "amazon.aws.ec2_vpc_igw", vpc, {})
        # The address is the module's own.
        self.add("nat", "amazon.aws.ec2_vpc_nat_gateway", {"subnet_id": "{{ public_0.subnet.id }}"},
                 {"if_exist_do_not_create": True, "wait": True},
                 {"nat_gateway_id": "{{ nat.nat_gateway_id }}", "release_eip": True, "wait": True})
        gateways = {"private-routes-0": "{{ nat.nat_gateway_id }}", "private-routes-1": "{{ nat.nat_gateway_id }}",
                    "public-routes": "{{ internet.gateway_id }}"}
        subnets = {"private-routes-0": ["private_0"], "private-routes-1": ["private_1"], "public-routes": ["public_0", "public_1"]}
        for name, gateway in gateways.items():
            self.add(name, "amazon.aws.ec2_vpc_route_table", vpc, {
                "subnets": [f"{{{{ {subnet}.subnet.id }}}}" for subnet in subnets[name]],
                "routes": [{"dest": ANYWHERE, "gateway_id": gateway}],
            }, {**vpc, "lookup": "id", "route_table_id": f"{{{{ {name.replace('-', '_')}.route_table.id }}}}"})
        self.add("endpoint", "amazon.aws.ec2_vpc_endpoint", vpc, {
            "vpc_endpoint_type": "Gateway", "service": "com.amazonaws.us-east-1.s3",
            "route_table_ids": [f"{{{{ {name.replace('-', '_')}.route_table.id }}}}" for name in gateways],
        }, {"vpc_endpoint_id": "{{ endpoint.result.vpc_endpoint_id }}"})
        self.add("from-tasks", "amazon.aws.ec2_security_group", {"name": "tasks", **vpc}, {
            "description": "dbt tasks", "rules": [], "rules_egress": [{"proto": "all", "cidr_ip": ANYWHERE}],
        }, {"group_id": "{{ from_tasks.group_id }}"})
        self.add("warehouse", "amazon.aws.ec2_security_group", {"name": "warehouse", **vpc}, {
            "description": "dbt warehouse", "rules_egress": [], "rules": [
                {"proto": "tcp", "from_port": 5432, "to_port": 5432, "group_id": "{{ from_tasks.group_id }}"}],
        }, {"group_id": "{{ warehouse.group_id }}"})

    def warehouse(self):
        password = secrets.token_hex(16)
        self.add("secret", "community.aws.secretsmanager_secret", {"name": self.named("secret"), "recovery_window": 0}, {
            "description": "the administrator of the warehouse", "json_secret": {"username": "dbt", "password": password}})
        self.add("subnets", "amazon.aws.rds_subnet_group", {"name": self.named("subnets")}, {
            "description": "subnets", "subnets": ["{{ private_0.subnet.id }}", "{{ private_1.subnet.id }}"]})
        identity = {"db_instance_identifier": self.named("instance"), "wait": True}
        self.add("instance", "amazon.aws.rds_instance", identity, {
            "engine": "postgres", "engine_version": "17", "db_instance_class": "db.t4g.micro", "allocated_storage": 20,
            "storage_type": "gp2", "storage_encrypted": True, "multi_az": False, "db_name": "analytics",
            "master_username": "dbt", "master_user_password": password, "db_subnet_group_name": self.named("subnets"),
            "vpc_security_group_ids": ["{{ warehouse.group_id }}"],
            "backup_retention_period": 7, "deletion_protection": False, "publicly_accessible": False,
            "copy_tags_to_snapshot": True,
        }, {**identity, "skip_final_snapshot": True})

    def place(self):
        self.add("cluster", "community.aws.ecs_cluster", {"name": self.named("cluster")}, {
            "capacity_providers": ["FARGATE"],
            "capacity_provider_strategy": [{"capacity_provider": "FARGATE", "weight": 1, "base": 0}]}, tags=False)
        name = self.named("artifacts")
        arn = f"arn:aws:s3:::{name}"
        self.add("artifacts", "amazon.aws.s3_bucket", {"name": name}, {
            "public_access": {"block_public_acls": True, "ignore_public_acls": True, "block_public_policy": True,
                              "restrict_public_buckets": True},
            "policy": {"Version": "2012-10-17", "Statement": [{
                "Sid": "DenyInsecureTransport", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}})
        # It goes with the bucket.
        self.add("lifecycle", "community.aws.s3_lifecycle", {"name": name}, {
            "rule_id": "expire-runs", "prefix": "runs/", "expiration_days": 90}, {"delete": False}, tags=False)
        self.add("logs", "amazon.aws.cloudwatchlogs_log_group", {"log_group_name": self.named("logs")}, {"retention": 30})
