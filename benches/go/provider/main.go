// A small Pulumi provider in Go with the AWS clients that ours has: what a plugin costs before it does anything.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// Vpc is a network.
type Vpc struct{}

// VpcArgs is what a network is made from.
type VpcArgs struct {
	CidrBlock string `pulumi:"cidrBlock"`
}

// VpcState is what is known of a network.
type VpcState struct {
	VpcArgs
	VpcID string `pulumi:"vpcId"`
}

// Create makes a network.
func (Vpc) Create(ctx context.Context, req infer.CreateRequest[VpcArgs]) (infer.CreateResponse[VpcState], error) {
	none := infer.CreateResponse[VpcState]{}
	aws, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return none, err
	}
	made, err := ec2.NewFromConfig(aws).CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: &req.Inputs.CidrBlock})
	if err != nil {
		return none, err
	}
	id := *made.Vpc.VpcId
	return infer.CreateResponse[VpcState]{ID: id, Output: VpcState{VpcArgs: req.Inputs, VpcID: id}}, nil
}

// Account stands for all services: making it asks each of them one thing.
type Account struct{}

// AccountArgs is nothing.
type AccountArgs struct{}

// AccountState is what the services answered.
type AccountState struct {
	AccountID string `pulumi:"accountId"`
}

// Create asks each service one thing.
func (Account) Create(
	ctx context.Context, _ infer.CreateRequest[AccountArgs],
) (infer.CreateResponse[AccountState], error) {
	none := infer.CreateResponse[AccountState]{}
	aws, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return none, err
	}
	_, err1 := cloudwatchlogs.NewFromConfig(aws).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	_, err2 := ec2.NewFromConfig(aws).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	_, err3 := ecr.NewFromConfig(aws).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
	_, err4 := ecs.NewFromConfig(aws).ListClusters(ctx, &ecs.ListClustersInput{})
	_, err5 := iam.NewFromConfig(aws).ListRoles(ctx, &iam.ListRolesInput{})
	_, err6 := rds.NewFromConfig(aws).DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
	_, err7 := s3.NewFromConfig(aws).ListBuckets(ctx, &s3.ListBucketsInput{})
	_, err8 := scheduler.NewFromConfig(aws).ListSchedules(ctx, &scheduler.ListSchedulesInput{})
	_, err9 := secretsmanager.NewFromConfig(aws).ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
	_, err10 := sfn.NewFromConfig(aws).ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
	_, err11 := sqs.NewFromConfig(aws).ListQueues(ctx, &sqs.ListQueuesInput{})
	who, err12 := sts.NewFromConfig(aws).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11, err12); err != nil {
		return none, err
	}
	return infer.CreateResponse[AccountState]{ID: *who.Account, Output: AccountState{AccountID: *who.Account}}, nil
}

func main() {
	provider, err := infer.NewProviderBuilder().
		WithResources(infer.Resource(Vpc{}), infer.Resource(Account{})).
		Build()
	if err == nil {
		err = provider.Run(context.Background(), "small", "0.1.0")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-small:", err)
		os.Exit(1)
	}
}
