package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// monitor answers a component's registrations as the engine does: each child is checked and created by the provider.
type monitor struct {
	pulumirpc.UnimplementedResourceMonitorServer
	c       *checks
	preview bool

	lock    sync.Mutex
	urns    map[resource.URN]bool
	made    []made
	outputs int
	wrong   []error
}

// made is a child that the provider made.
type made struct {
	urn             resource.URN
	id              resource.ID
	inputs, outputs resource.PropertyMap
}

func (c *checks) monitor(preview bool) *monitor {
	return &monitor{c: c, preview: preview, urns: map[resource.URN]bool{}}
}

func (m *monitor) GetDeploymentInfo(context.Context, *emptypb.Empty) (*pulumirpc.DeploymentInfo, error) {
	return &pulumirpc.DeploymentInfo{
		Project: "checks", Stack: "dev", Organization: "organization", DryRun: m.preview,
	}, nil
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
	child, err := m.c.Create(ctx, plugin.CreateRequest{
		URN: urn, Name: urn.Name(), Type: urn.Type(), Properties: checked.Properties, Preview: m.preview,
	})
	if err != nil {
		return nil, err
	}
	m.made = append(m.made, made{urn, child.ID, checked.Properties, child.Properties})
	answer.Id = string(child.ID)
	answer.Object, err = plugin.MarshalProperties(child.Properties, keep)
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

// delete removes what was made, the last first.
func (m *monitor) delete() error {
	var failed error
	for _, child := range slices.Backward(m.made) {
		_, err := m.c.Delete(m.c.ctx, plugin.DeleteRequest{
			URN: child.urn, Name: child.urn.Name(), Type: child.urn.Type(), ID: child.id,
			Inputs: child.inputs, Outputs: child.outputs,
		})
		failed = errors.Join(failed, err)
	}
	return failed
}

func (m *monitor) constructed(component string, inputs resource.PropertyMap) (plugin.ConstructResponse, error) {
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
	return m.c.Construct(m.c.ctx, plugin.ConstructRequest{
		Info: plugin.ConstructInfo{
			Project: "checks", Stack: "dev", DryRun: m.preview, Parallel: 4,
			MonitorAddress: fmt.Sprintf("127.0.0.1:%d", server.Port),
		},
		Type: tokens.Type(component), Name: "main", Inputs: inputs,
	})
}

// all constructs each component, on the handle of the one before.
func (m *monitor) all() error {
	handle := resource.NewNullProperty()
	for i, component := range []struct {
		token, on string
		inputs    resource.PropertyMap
	}{
		{platform, "", props("retainData", false)},
		{project, "platform", props("image", image, "profile", map[string]any{"name": "shop", "schema": "shop"})},
		{schedule, "project", props("rate", "1 day")},
	} {
		children := len(m.made)
		if component.on != "" {
			component.inputs[resource.PropertyKey(component.on)] = handle
		}
		done, err := m.constructed(component.token, component.inputs)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", component.token, err), errors.Join(m.wrong...))
		}
		handle = resource.ToResourcePropertyValue(done.Outputs.Get("handle"))
		err = errors.Join(
			errors.Join(m.wrong...),
			expect(m.urns[done.URN], "%s: %s was not registered", component.token, done.URN),
			expect(len(m.made) > children, "%s: no children", component.token),
			expect(m.outputs == i+1, "%s: outputs of %d components were registered", component.token, m.outputs),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	platform = "dbt-aws:index:DbtPlatform"
	project  = "dbt-aws:index:DbtProject"
	schedule = "dbt-aws:index:DbtSchedule"
	image    = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:1"
)

func (c *checks) constructPreview() error {
	before, err := c.vpcs()
	if err != nil {
		return err
	}
	failed := c.monitor(true).all()
	after, err := c.vpcs()
	return errors.Join(failed, err, expect(slices.Equal(before, after), "%v became %v", before, after))
}

func (c *checks) constructMade() error {
	before, err := c.vpcs()
	if err != nil {
		return err
	}
	m := c.monitor(false)
	failed := m.all()
	during, err1 := c.vpcs()
	deleted := m.delete()
	after, err2 := c.vpcs()
	return errors.Join(
		failed, err1, deleted, err2,
		expect(len(during) == len(before)+1, "%v became %v", before, during),
		expect(slices.Equal(before, after), "%v became %v after the deletion", before, after),
	)
}

func (c *checks) constructWrong() error {
	network := func(pairs ...any) resource.PropertyMap { return props("network", props(pairs...)) }
	folder, err := os.MkdirTemp("", "project")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	all := os.WriteFile(filepath.Join(folder, "dbt_project.yml"), []byte("name: shop\nprofile: shop\n"), 0o600)
	unknown := resource.MakeComputed(resource.NewObjectProperty(resource.PropertyMap{}))
	for _, wrong := range []struct {
		component    string
		inputs       resource.PropertyMap
		path, reason string
	}{
		{platform, network("cidrBlock", "10.0.0.0/24"), "network.cidrBlock", "too small"},
		{platform, network("zoneCount", 4.0), "network.zoneCount", "eu-west-1 has 3"},
		{platform, props("netwrok", props()), "netwrok", "network"},
		{project, props("platform", unknown, "path", folder, "image", image), "image", "only one of path, image"},
		{schedule, props("rate", "1 day"), "project", "required"},
	} {
		m := c.monitor(true)
		_, err := m.constructed(wrong.component, wrong.inputs)
		all = errors.Join(
			all, named(wrong.component, err, wrong.path, wrong.reason),
			expect(len(m.urns) == 0, "%s: %v were registered", wrong.path, m.urns),
		)
	}
	return all
}

// named is an error unless err is the engine's for wrong inputs of a component: of one property, with that reason.
func named(component string, err error, path, reason string) error {
	var found []*pulumirpc.InputPropertiesError_PropertyError
	for _, detail := range status.Convert(err).Details() {
		if wrong, ok := detail.(*pulumirpc.InputPropertiesError); ok {
			found = append(found, wrong.Errors...)
		}
	}
	ok := len(found) == 1 && found[0].PropertyPath == path && strings.Contains(found[0].Reason, reason)
	return expect(ok, "%s: expected %q of %s, not %v (%v)", component, reason, path, found, err)
}

func (c *checks) constructUnknown() error {
	_, err := c.monitor(true).constructed("dbt-aws:index:DbtPlatfrom", resource.PropertyMap{})
	return refused("dbt-aws:index:DbtPlatfrom", err, "is not a component of dbt-aws")
}
