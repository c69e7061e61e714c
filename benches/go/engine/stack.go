package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// program is a provider's configuration and the resources that it makes, one after the other.
type program struct {
	Config    map[string]any
	Resources []declared
}

// declared is a resource of a program: a component, or one alone.
type declared struct {
	Type, Name string
	Inputs     map[string]any
}

// kept is what the engine keeps of a resource that is not a component.
type kept struct {
	URN, ID         string
	Inputs, Outputs *properties
	Dependencies    []string
}

// properties is a protobuf Struct that knows JSON.
type properties struct{ *structpb.Struct }

func (p *properties) MarshalJSON() ([]byte, error) { return protojson.Marshal(p.Struct) }

func (p *properties) UnmarshalJSON(text []byte) error {
	p.Struct = &structpb.Struct{}
	return protojson.Unmarshal(text, p.Struct)
}

// stack is a program and what was made of it.
type stack struct {
	program   program
	Resources map[string]*kept
	lock      sync.Mutex
}

func load(file, state string) (*stack, error) {
	s := &stack{Resources: map[string]*kept{}}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &s.program); err != nil {
		return nil, err
	}
	text, err = os.ReadFile(state)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	return s, errors.Join(err, json.Unmarshal(text, s))
}

func (s *stack) save(state string) error {
	text, err := json.Marshal(s)
	return errors.Join(err, os.WriteFile(state, text, 0o600))
}

func urnOf(parent, token, name string) string {
	if parent != "" {
		token = strings.Split(parent, "::")[2] + "$" + token
	}
	return "urn:pulumi:bench::bench::" + token + "::" + name
}

func (s *stack) create(ctx context.Context, p *process) error {
	return s.up(ctx, p, s.made)
}

func (s *stack) update(ctx context.Context, p *process) error {
	return s.up(ctx, p, s.updated)
}

func (s *stack) unchanged(ctx context.Context, p *process) error {
	return s.up(ctx, p, s.same)
}

// up runs the program; each resource that a component registers, or that stands alone, is settled.
func (s *stack) up(ctx context.Context, p *process, settle settle) error {
	if err := p.configure(ctx, s.program.Config); err != nil {
		return err
	}
	p.monitor.settle = func(ctx context.Context, urn string, inputs *structpb.Struct, after []string) (*kept, error) {
		return settle(ctx, p, urn, inputs, after)
	}
	return p.timed(func() error {
		outputs := map[string]*pulumirpc.ConstructResponse{}
		for _, each := range s.program.Resources {
			inputs, dependencies, err := resolved(each.Inputs, outputs)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(each.Type, "dbt-aws:index:") {
				if _, err := settle(ctx, p, urnOf("", each.Type, each.Name), inputs, nil); err != nil {
					return err
				}
				continue
			}
			outputs[each.Name], err = p.Construct(ctx, &pulumirpc.ConstructRequest{
				Project: "bench", Stack: "bench", MonitorEndpoint: p.address, Type: each.Type, Name: each.Name,
				Inputs: inputs, InputDependencies: dependencies, AcceptsOutputValues: true,
			})
			if err != nil {
				return fmt.Errorf("%s: %w", each.Name, errors.Join(append(p.monitor.wrong, err)...))
			}
		}
		return nil
	})
}

// resolved puts the outputs of earlier components in the place of "${component.output}".
func resolved(inputs map[string]any, outputs map[string]*pulumirpc.ConstructResponse) (
	*structpb.Struct, map[string]*pulumirpc.ConstructRequest_PropertyDependencies, error,
) {
	all, err := structpb.NewStruct(inputs)
	if err != nil {
		return nil, nil, err
	}
	dependencies := map[string]*pulumirpc.ConstructRequest_PropertyDependencies{}
	for key, value := range all.Fields {
		component, output, found := strings.Cut(strings.Trim(value.GetStringValue(), "${}"), ".")
		if !found || outputs[component] == nil {
			continue
		}
		all.Fields[key] = outputs[component].State.Fields[output]
		if on := outputs[component].StateDependencies[output]; on != nil {
			dependencies[key] = &pulumirpc.ConstructRequest_PropertyDependencies{Urns: on.Urns}
		}
	}
	return all, dependencies, nil
}

type settle func(ctx context.Context, p *process, urn string, inputs *structpb.Struct, after []string) (*kept, error)

// made checks and makes a resource.
func (s *stack) made(
	ctx context.Context, p *process, urn string, inputs *structpb.Struct, after []string,
) (*kept, error) {
	checked, err := check(ctx, p, urn, nil, inputs)
	if err != nil {
		return nil, err
	}
	made, err := p.Create(ctx, &pulumirpc.CreateRequest{Urn: urn, Properties: checked})
	if err != nil {
		return nil, err
	}
	one := &kept{
		URN: urn, ID: made.Id, Inputs: &properties{checked}, Outputs: &properties{made.Properties}, Dependencies: after,
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.Resources[urn] = one
	return one, nil
}

// updated brings a resource that is there to its inputs.
func (s *stack) updated(
	ctx context.Context, p *process, urn string, inputs *structpb.Struct, _ []string,
) (*kept, error) {
	old, checked, diff, err := s.compared(ctx, p, urn, inputs)
	if err != nil || diff.Changes == pulumirpc.DiffResponse_DIFF_NONE {
		return old, err
	}
	if len(diff.Replaces) > 0 {
		return nil, fmt.Errorf("%s would be replaced for %v", urn, diff.Replaces)
	}
	updated, err := p.Update(ctx, &pulumirpc.UpdateRequest{
		Id: old.ID, Urn: urn, Olds: old.Outputs.Struct, OldInputs: old.Inputs.Struct, News: checked,
	})
	if err != nil {
		return nil, err
	}
	old.Inputs, old.Outputs = &properties{checked}, &properties{updated.Properties}
	return old, nil
}

// same refuses a resource that differs.
func (s *stack) same(
	ctx context.Context, p *process, urn string, inputs *structpb.Struct, _ []string,
) (*kept, error) {
	old, _, diff, err := s.compared(ctx, p, urn, inputs)
	if err == nil && diff.Changes != pulumirpc.DiffResponse_DIFF_NONE {
		err = fmt.Errorf("%s differs in %v", urn, diff.Diffs)
	}
	return old, err
}

func (s *stack) compared(ctx context.Context, p *process, urn string, inputs *structpb.Struct) (
	*kept, *structpb.Struct, *pulumirpc.DiffResponse, error,
) {
	s.lock.Lock()
	old := s.Resources[urn]
	s.lock.Unlock()
	if old == nil {
		return nil, nil, nil, fmt.Errorf("%s is new", urn)
	}
	checked, err := check(ctx, p, urn, old.Inputs.Struct, inputs)
	if err != nil {
		return nil, nil, nil, err
	}
	diff, err := p.Diff(ctx, &pulumirpc.DiffRequest{
		Id: old.ID, Urn: urn, Olds: old.Outputs.Struct, OldInputs: old.Inputs.Struct, News: checked,
	})
	return old, checked, diff, err
}

func check(
	ctx context.Context, p *process, urn string, olds, news *structpb.Struct,
) (*structpb.Struct, error) {
	answer, err := p.Check(ctx, &pulumirpc.CheckRequest{Urn: urn, Olds: olds, News: news})
	if err != nil {
		return nil, err
	}
	for _, failure := range answer.Failures {
		err = errors.Join(err, fmt.Errorf("%s: %s: %s", urn, failure.Property, failure.Reason))
	}
	return answer.Inputs, err
}

// refresh reads all at once.
func (s *stack) refresh(ctx context.Context, p *process) error {
	if err := p.configure(ctx, s.program.Config); err != nil {
		return err
	}
	return p.timed(func() error {
		return s.each(func(one *kept) error {
			read, err := p.Read(ctx, &pulumirpc.ReadRequest{
				Id: one.ID, Urn: one.URN, Properties: one.Outputs.Struct, Inputs: one.Inputs.Struct,
			})
			if err == nil && read.Id == "" {
				err = fmt.Errorf("%s is gone", one.URN)
			}
			return err
		})
	})
}

// delete removes each as soon as what needs it is gone.
func (s *stack) delete(ctx context.Context, p *process) error {
	if err := p.configure(ctx, s.program.Config); err != nil {
		return err
	}
	users, gone := map[string][]string{}, map[string]chan struct{}{}
	for urn, one := range s.Resources {
		gone[urn] = make(chan struct{})
		for _, needed := range one.Dependencies {
			users[needed] = append(users[needed], urn)
		}
	}
	err := p.timed(func() error {
		return s.each(func(one *kept) error {
			for _, user := range users[one.URN] {
				<-gone[user]
			}
			defer close(gone[one.URN])
			_, err := p.Delete(ctx, &pulumirpc.DeleteRequest{
				Id: one.ID, Urn: one.URN, Properties: one.Outputs.Struct, OldInputs: one.Inputs.Struct,
			})
			return err
		})
	})
	if err == nil {
		clear(s.Resources)
	}
	return err
}

// each acts on all resources at once.
func (s *stack) each(act func(*kept) error) error {
	results := make(chan error)
	for _, one := range s.Resources {
		go func() {
			err := act(one)
			if err != nil {
				err = fmt.Errorf("%s: %w", one.URN, err)
			}
			results <- err
		}()
	}
	var all error
	for range s.Resources {
		all = errors.Join(all, <-results)
	}
	return all
}

// monitor is where components register their children.
type monitor struct {
	pulumirpc.UnimplementedResourceMonitorServer
	settle func(ctx context.Context, urn string, inputs *structpb.Struct, after []string) (*kept, error)
	lock   sync.Mutex
	wrong  []error
}

func (m *monitor) SupportsFeature(
	context.Context, *pulumirpc.SupportsFeatureRequest,
) (*pulumirpc.SupportsFeatureResponse, error) {
	return &pulumirpc.SupportsFeatureResponse{HasSupport: true}, nil
}

func (m *monitor) RegisterResource(
	ctx context.Context, req *pulumirpc.RegisterResourceRequest,
) (*pulumirpc.RegisterResourceResponse, error) {
	urn := urnOf(req.Parent, req.Type, req.Name)
	if !req.Custom {
		return &pulumirpc.RegisterResourceResponse{Urn: urn, Object: req.Object}, nil
	}
	slices.Sort(req.Dependencies)
	one, err := m.settle(ctx, urn, plain(req.Object), req.Dependencies)
	if err != nil {
		m.lock.Lock()
		defer m.lock.Unlock()
		m.wrong = append(m.wrong, err)
		return nil, err
	}
	return &pulumirpc.RegisterResourceResponse{Urn: urn, Id: one.ID, Object: one.Outputs.Struct}, nil
}

func (m *monitor) RegisterResourceOutputs(
	context.Context, *pulumirpc.RegisterResourceOutputsRequest,
) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

const (
	signature   = "4dabf18193072939515e22adb298388d"
	outputValue = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
	secretValue = "1b47061264138c4ac30d75fd1eb44270"
)

// plain takes the dependencies off output values, as the engine does for what is not a component.
func plain(all *structpb.Struct) *structpb.Struct {
	fields := map[string]*structpb.Value{}
	for key, value := range all.GetFields() {
		fields[key] = plainValue(value)
	}
	return &structpb.Struct{Fields: fields}
}

func plainValue(value *structpb.Value) *structpb.Value {
	if list := value.GetListValue(); list != nil {
		plain := make([]*structpb.Value, len(list.Values))
		for i, each := range list.Values {
			plain[i] = plainValue(each)
		}
		return structpb.NewListValue(&structpb.ListValue{Values: plain})
	}
	object := value.GetStructValue()
	if object == nil {
		return value
	}
	if object.Fields[signature].GetStringValue() != outputValue {
		return structpb.NewStructValue(plain(object))
	}
	inner := plainValue(object.Fields["value"])
	if !object.Fields["secret"].GetBoolValue() {
		return inner
	}
	return structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
		signature: structpb.NewStringValue(secretValue), "value": inner,
	}})
}
