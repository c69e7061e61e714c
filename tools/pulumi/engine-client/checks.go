package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

const (
	stack    = "urn:pulumi:dev::checks::"
	vpcType  = tokens.Type("dbt-aws:ec2:Vpc")
	vpcURN   = resource.URN(stack + "dbt-aws:ec2:Vpc::main")
	provType = tokens.Type("pulumi:providers:dbt-aws")
	provURN  = resource.URN(stack + "pulumi:providers:dbt-aws::default")
	provID   = resource.ID("3f0c7f5e-8f0e-4b0e-9c55-6d4b6b1f3c1a")
	// It has three zones, so that one can ask for more than there are.
	region = "eu-west-1"
)

var seed = []byte("0123456789abcdef0123456789abcdef")

func props(pairs ...any) resource.PropertyMap {
	m := resource.PropertyMap{}
	for i := 0; i < len(pairs); i += 2 {
		m[resource.PropertyKey(pairs[i].(string))] = resource.NewPropertyValue(pairs[i+1])
	}
	return m
}

func with(m resource.PropertyMap, pairs ...any) resource.PropertyMap {
	m = m.Copy()
	maps.Copy(m, props(pairs...))
	return m
}

func expect(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// refused is an error unless err is one that says these words.
func refused(what string, err error, words ...string) error {
	if err == nil {
		return fmt.Errorf("%s is not refused", what)
	}
	var missing error
	for _, each := range words {
		missing = errors.Join(missing, expect(strings.Contains(err.Error(), each), "%s: %q is not in %q", what, each, err))
	}
	return missing
}

func (c *checks) handshake() error {
	answer, err := c.Handshake(c.ctx, plugin.ProviderHandshakeRequest{EngineAddress: c.engine, ConfigureWithUrn: true})
	if err != nil {
		return err
	}
	return errors.Join(
		expect(answer.AcceptSecrets && answer.AcceptResources && answer.AcceptOutputs, "answered %+v", *answer),
		expect(!answer.SupportsAutonamingConfiguration, "a name pattern would force delete before replace"),
	)
}

func (c *checks) info() error {
	info, err := c.GetPluginInfo(c.ctx)
	if err != nil {
		return err
	}
	return expect(info.Version != nil, "no version")
}

func (c *checks) schema() error {
	answer, err := c.GetSchema(c.ctx, plugin.GetSchemaRequest{})
	if err != nil {
		return err
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(answer.Schema, &spec); err != nil {
		return err
	}
	_, diagnostics, err := schema.BindSpec(spec, noLoader{}, schema.ValidationOptions{})
	if err != nil {
		return err
	}
	_, known := spec.Resources[string(vpcType)]
	return errors.Join(
		expect(!diagnostics.HasErrors(), "%v", diagnostics),
		expect(spec.Name == "dbt-aws", "the package is named %q", spec.Name),
		expect(known, "%s is missing", vpcType),
	)
}

// noLoader finds no package: the schema refers to none.
type noLoader struct{ schema.ReferenceLoader }

func (c *checks) unknownSchema() error {
	_, err := c.GetSchema(c.ctx, plugin.GetSchemaRequest{Version: 7})
	return refused("version 7", err, "schema version 7 is not known")
}

func (c *checks) parameterize() error {
	_, err := c.Parameterize(c.ctx, plugin.ParameterizeRequest{Parameters: &plugin.ParameterizeArgs{Args: []string{"x"}}})
	return refused("a parameter", err, "takes no parameters")
}

func (c *checks) checkedConfig(olds, news resource.PropertyMap) (property.Map, []plugin.CheckFailure, error) {
	answer, err := c.CheckConfig(c.ctx, plugin.CheckConfigRequest{
		URN: provURN, Name: provURN.Name(), Type: provType, AllowUnknowns: true,
		Olds: resource.FromResourcePropertyMap(olds), News: resource.FromResourcePropertyMap(news),
	})
	return answer.Properties, answer.Failures, err
}

func (c *checks) checkConfig() error {
	good, failures, err := c.checkedConfig(nil, props("region", region))
	if err != nil {
		return err
	}
	_, bad, err := c.checkedConfig(nil, props("region", region, "regoin", region))
	if err != nil {
		return err
	}
	return errors.Join(
		expect(len(failures) == 0, "good configuration fails: %v", failures),
		expect(good.Get("region").IsString() && good.Get("region").AsString() == region, "the region is %v", good.Get("region")),
		names(bad, "regoin", "region"),
	)
}

func (c *checks) keepRegion() error {
	kept, failures, err := c.checkedConfig(props("region", "us-west-2"), props())
	if err != nil {
		return err
	}
	region := kept.Get("region")
	return errors.Join(
		expect(len(failures) == 0, "fails: %v", failures),
		expect(region.IsString() && region.AsString() == "us-west-2", "the region became %v", region),
	)
}

func (c *checks) diffConfig() error {
	diff := func(old, news resource.PropertyMap) (plugin.DiffResult, error) {
		return c.DiffConfig(c.ctx, plugin.DiffConfigRequest{
			URN: provURN, Name: provURN.Name(), Type: provType,
			OldInputs: old, OldOutputs: old, NewInputs: news, AllowUnknowns: true,
		})
	}
	old := props("region", region)
	same, err1 := diff(old, old)
	other, err2 := diff(old, props("region", region, "maxRetries", 5.0))
	moved, err3 := diff(old, props("region", "us-east-1"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	return errors.Join(
		expect(same.Changes == plugin.DiffNone, "equal configuration differs: %+v", same),
		expect(!other.Replace(), "maxRetries replaces: %+v", other),
		expect(moved.Replace(), "the region does not replace: %+v", moved),
	)
}

func (c *checks) configure() error {
	urn, name, typ, id := provURN, provURN.Name(), provType, provID
	_, err := c.Configure(c.ctx, plugin.ConfigureRequest{
		URN: &urn, Name: &name, Type: &typ, ID: &id, Inputs: props("region", region),
	})
	return err
}

func (c *checks) checkVpc(olds, news resource.PropertyMap) (plugin.CheckResponse, error) {
	return c.Check(c.ctx, plugin.CheckRequest{
		URN: vpcURN, Name: vpcURN.Name(), Type: vpcType, Olds: olds, News: news, AllowUnknowns: true, RandomSeed: seed,
	})
}

func (c *checks) checkGood() error {
	news := props("cidrBlock", "10.0.0.0/16", "tags", map[string]any{"team": "data"})
	first, err := c.checkVpc(nil, news)
	if err != nil {
		return err
	}
	second, err := c.checkVpc(nil, news)
	if err != nil {
		return err
	}
	c.vpc.inputs = first.Properties
	err = errors.Join(
		expect(len(first.Failures) == 0, "good inputs fail: %v", first.Failures),
		expect(first.Properties.DeepEquals(second.Properties), "%v became %v", first.Properties, second.Properties),
	)
	for key, value := range news {
		err = errors.Join(err, expect(first.Properties[key].DeepEquals(value), "%s became %v", key, first.Properties[key]))
	}
	return err
}

func (c *checks) checkWrapped() error {
	unknown := resource.MakeComputed(resource.NewStringProperty(""))
	secret := resource.MakeSecret(resource.NewStringProperty("data"))
	tags := resource.NewObjectProperty(resource.PropertyMap{"team": secret})
	checked, err := c.checkVpc(nil, resource.PropertyMap{"cidrBlock": unknown, "tags": tags})
	if err != nil {
		return err
	}
	return errors.Join(
		expect(len(checked.Failures) == 0, "fails: %v", checked.Failures),
		expect(checked.Properties["cidrBlock"].ContainsUnknowns(), "the unknown is lost: %v", checked.Properties),
		expect(checked.Properties["tags"].ContainsSecrets(), "the secret is lost"),
	)
}

func (c *checks) checkBad() error {
	return c.fails(props("cidrBlock", "10.0.0.0/99"), "cidrBlock", "")
}

func (c *checks) checkUnknownKey() error {
	return c.fails(props("cidrBlock", "10.0.0.0/16", "enableDnsSuport", true), "enableDnsSuport", "enableDnsSupport")
}

func (c *checks) checkMissing() error {
	return c.fails(props(), "cidrBlock", "")
}

func (c *checks) fails(news resource.PropertyMap, path, hint string) error {
	checked, err := c.checkVpc(nil, news)
	if err != nil {
		return err
	}
	return names(checked.Failures, path, hint)
}

// names is an error unless the one failure is of this property and its reason holds the hint.
func names(failures []plugin.CheckFailure, path, hint string) error {
	ok := len(failures) == 1 && string(failures[0].Property) == path && strings.Contains(failures[0].Reason, hint)
	return expect(ok, "expected one failure of %s with %q, not %v", path, hint, failures)
}

func (c *checks) checkUnknownType() error {
	typ := tokens.Type("dbt-aws:ec2:Vcp")
	_, err := c.Check(c.ctx, plugin.CheckRequest{
		URN: resource.URN(stack + string(typ) + "::main"), Name: "main", Type: typ, News: props(), RandomSeed: seed,
	})
	return refused(string(typ), err, string(typ)+" is not a resource")
}
