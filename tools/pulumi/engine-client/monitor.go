package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

var keep = plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true, KeepOutputValues: true}

// monitor answers a component's registrations as a preview does: each child is checked and created by the provider.
type monitor struct {
	pulumirpc.UnimplementedResourceMonitorServer
	c *checks

	lock     sync.Mutex
	urns     map[resource.URN]bool
	children int
	outputs  int
	wrong    []error
}

func (m *monitor) GetDeploymentInfo(context.Context, *emptypb.Empty) (*pulumirpc.DeploymentInfo, error) {
	return &pulumirpc.DeploymentInfo{Project: "checks", Stack: "dev", Organization: "organization", DryRun: true}, nil
}

func (m *monitor) SupportsFeature(
	context.Context, *pulumirpc.SupportsFeatureRequest,
) (*pulumirpc.SupportsFeatureResponse, error) {
	return &pulumirpc.SupportsFeatureResponse{HasSupport: true}, nil
}

func (m *monitor) Invoke(
	_ context.Context, req *pulumirpc.ResourceInvokeRequest,
) (*pulumirpc.ResourceInvokeResponse, error) {
	return nil, status.Errorf(codes.NotFound, "%s finds nothing", req.Tok)
}

func (m *monitor) RegisterResource(
	ctx context.Context, req *pulumirpc.RegisterResourceRequest,
) (*pulumirpc.RegisterResourceResponse, error) {
	var parent tokens.Type
	if req.Parent != "" {
		parent = resource.URN(req.Parent).QualifiedType()
	}
	urn := resource.NewURN("dev", "checks", parent, tokens.Type(req.Type), req.Name)
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.urns[urn] {
		m.wrong = append(m.wrong, fmt.Errorf("%s is registered twice", urn))
	}
	m.urns[urn] = true
	answer := &pulumirpc.RegisterResourceResponse{Urn: string(urn), Object: req.Object}
	if !req.Custom {
		return answer, nil
	}
	m.children++
	m.wrong = append(m.wrong, m.placed(urn, req))
	inputs, err := plugin.UnmarshalProperties(req.Object, keep)
	if err != nil {
		return nil, err
	}
	checked, err := m.c.Check(ctx, plugin.CheckRequest{
		URN: urn, Name: urn.Name(), Type: urn.Type(), News: inputs, AllowUnknowns: true, RandomSeed: seed,
	})
	if err != nil {
		return nil, err
	}
	for _, failure := range checked.Failures {
		m.wrong = append(m.wrong, fmt.Errorf("%s: %s: %s", urn, failure.Property, failure.Reason))
	}
	made, err := m.c.Create(ctx, plugin.CreateRequest{
		URN: urn, Name: urn.Name(), Type: urn.Type(), Properties: checked.Properties, Preview: true,
	})
	if err != nil {
		return nil, err
	}
	answer.Object, err = plugin.MarshalProperties(made.Properties, keep)
	return answer, err
}

// placed is an error unless the child stands where a component's child must: below it, on its provider, after others.
func (m *monitor) placed(urn resource.URN, req *pulumirpc.RegisterResourceRequest) error {
	parent, provider := resource.URN(req.Parent), fmt.Sprintf("%s::%s", provURN, provID)
	err := errors.Join(
		expect(m.urns[parent] && !strings.Contains(string(parent.QualifiedType()), "$"), "%s is below %q", urn, parent),
		expect(req.Provider == provider, "%s has the provider %q", urn, req.Provider),
		expect(req.AcceptSecrets && req.AcceptResources, "%s would lose secrets or resources", urn),
		expect(req.SupportsPartialValues && req.SupportsResultReporting, "%s would lose what is partly known", urn),
	)
	for _, dependency := range req.Dependencies {
		err = errors.Join(err, expect(m.urns[resource.URN(dependency)], "%s is made before %s", urn, dependency))
	}
	for key, of := range req.PropertyDependencies {
		for _, dependency := range of.Urns {
			known := slices.Contains(req.Dependencies, dependency)
			err = errors.Join(err, expect(known, "%s: %s of %s is no dependency", urn, dependency, key))
		}
	}
	return err
}

func (m *monitor) RegisterResourceOutputs(
	context.Context, *pulumirpc.RegisterResourceOutputsRequest,
) (*emptypb.Empty, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.outputs++
	return &emptypb.Empty{}, nil
}

func (c *checks) constructed(component string, m *monitor) (plugin.ConstructResponse, error) {
	stop := make(chan bool)
	defer close(stop)
	server, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stop,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterResourceMonitorServer(server, m)
			return nil
		},
	})
	if err != nil {
		return plugin.ConstructResponse{}, err
	}
	return c.Construct(c.ctx, plugin.ConstructRequest{
		Info: plugin.ConstructInfo{
			Project: "checks", Stack: "dev", DryRun: true, Parallel: 4,
			MonitorAddress: fmt.Sprintf("127.0.0.1:%d", server.Port),
		},
		Type: tokens.Type(component), Name: "main", Inputs: resource.PropertyMap{},
	})
}

func (c *checks) construct() error {
	err := expect(len(c.components) > 0, "the schema has no component without required inputs")
	for _, component := range c.components {
		m := &monitor{c: c, urns: map[resource.URN]bool{}}
		made, failed := c.constructed(component, m)
		err = errors.Join(err, failed, errors.Join(m.wrong...))
		if failed == nil {
			err = errors.Join(
				err,
				expect(m.urns[made.URN], "%s: %s was not registered", component, made.URN),
				expect(m.children > 0, "%s: no children", component),
				expect(m.outputs == 1, "%s: its outputs were registered %d times", component, m.outputs),
			)
		}
	}
	return err
}

func (c *checks) constructUnknown() error {
	_, err := c.constructed("dbt-aws:index:DbtPlatfrom", &monitor{c: c, urns: map[resource.URN]bool{}})
	return refused("dbt-aws:index:DbtPlatfrom", err)
}
