package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

func (c *checks) createVpc(inputs resource.PropertyMap, preview bool) (plugin.CreateResponse, error) {
	return c.Create(c.ctx, plugin.CreateRequest{
		URN: vpcURN, Name: vpcURN.Name(), Type: vpcType, Properties: inputs, Preview: preview,
	})
}

func (c *checks) previewCreate() error {
	before, err := c.vpcs()
	if err != nil {
		return err
	}
	made, err := c.createVpc(c.vpc.inputs, true)
	if err != nil {
		return err
	}
	after, err := c.vpcs()
	return errors.Join(
		err,
		expect(slices.Equal(before, after), "%v became %v", before, after),
		expect(made.ID == "", "it has the id %q", made.ID),
		expect(made.Properties["vpcId"].ContainsUnknowns(), "vpcId is %v", made.Properties["vpcId"]),
		expect(!made.Properties["cidrBlock"].ContainsUnknowns(), "cidrBlock is unknown"),
	)
}

func (c *checks) create() error {
	made, err := c.createVpc(c.vpc.inputs, false)
	if err != nil {
		return err
	}
	c.vpc.id, c.vpc.outputs = made.ID, made.Properties
	return errors.Join(
		expect(strings.HasPrefix(string(made.ID), "vpc-"), "the id is %q", made.ID),
		expect(made.Properties["vpcId"].IsString() && made.Properties["vpcId"].StringValue() == string(made.ID),
			"vpcId is %v", made.Properties["vpcId"]),
	)
}

func (c *checks) createAgain() error {
	made, err := c.createVpc(c.vpc.inputs, false)
	if err != nil {
		return err
	}
	// The later create owns the object: a delete that knows only the earlier one would be refused.
	c.vpc.outputs = made.Properties
	return expect(made.ID == c.vpc.id, "%s is a second one beside %s", made.ID, c.vpc.id)
}

func (c *checks) diffVpc(news resource.PropertyMap, ignore ...string) (plugin.DiffResult, error) {
	return c.Diff(c.ctx, plugin.DiffRequest{
		URN: vpcURN, Name: vpcURN.Name(), Type: vpcType, ID: c.vpc.id,
		OldInputs: c.vpc.inputs, OldOutputs: c.vpc.outputs, NewInputs: news, AllowUnknowns: true, IgnoreChanges: ignore,
	})
}

func (c *checks) diffNone() error {
	diff, err := c.diffVpc(c.vpc.inputs)
	if err != nil {
		return err
	}
	return expect(diff.Changes == plugin.DiffNone && len(diff.DetailedDiff) == 0, "%+v", diff)
}

func (c *checks) diffSome() error {
	tags, err := c.diffVpc(with(c.vpc.inputs, "tags", map[string]any{"team": "platform"}))
	if err != nil {
		return err
	}
	block, err := c.diffVpc(with(c.vpc.inputs, "cidrBlock", "10.1.0.0/16"))
	if err != nil {
		return err
	}
	return errors.Join(
		expect(tags.Changes == plugin.DiffSome && !tags.Replace(), "tags: %+v", tags),
		expect(block.Changes == plugin.DiffSome && block.Replace(), "cidrBlock: %+v", block),
		agree(tags, "tags"), agree(block, "cidrBlock"),
	)
}

// agree is an error unless the diff and its detail name just this property.
func agree(diff plugin.DiffResult, key resource.PropertyKey) error {
	err := expect(slices.Equal(diff.ChangedKeys, []resource.PropertyKey{key}), "%s: changed are %v", key, diff.ChangedKeys)
	for path := range diff.DetailedDiff {
		parsed, wrong := resource.ParsePropertyPath(path)
		err = errors.Join(err, wrong, expect(len(parsed) > 0 && parsed[0] == string(key), "%s: detail of %s", key, path))
	}
	return errors.Join(err, expect(len(diff.DetailedDiff) > 0, "%s: no detail", key))
}

func (c *checks) diffIgnored() error {
	diff, err := c.diffVpc(with(c.vpc.inputs, "cidrBlock", "10.1.0.0/16"), "cidrBlock")
	if err != nil {
		return err
	}
	return expect(diff.Changes == plugin.DiffNone, "%+v", diff)
}

func (c *checks) updateVpc(preview bool) (resource.PropertyMap, plugin.UpdateResponse, error) {
	checked, err := c.checkVpc(c.vpc.inputs, props("cidrBlock", "10.0.0.0/16", "tags", map[string]any{"team": "platform"}))
	if err != nil {
		return nil, plugin.UpdateResponse{}, err
	}
	updated, err := c.Update(c.ctx, plugin.UpdateRequest{
		URN: vpcURN, Name: vpcURN.Name(), Type: vpcType, ID: c.vpc.id,
		OldInputs: c.vpc.inputs, OldOutputs: c.vpc.outputs, NewInputs: checked.Properties, Preview: preview,
	})
	return checked.Properties, updated, err
}

func (c *checks) previewUpdate() error {
	_, updated, err := c.updateVpc(true)
	if err != nil {
		return err
	}
	return errors.Join(
		expect(updated.Properties["vpcId"].DeepEquals(c.vpc.outputs["vpcId"]), "vpcId is %v", updated.Properties["vpcId"]),
		expect(!updated.Properties["tags"].DeepEquals(c.vpc.outputs["tags"]), "tags keep their old value"),
	)
}

func (c *checks) update() error {
	inputs, updated, err := c.updateVpc(false)
	if err != nil {
		return err
	}
	c.vpc.inputs, c.vpc.outputs = inputs, updated.Properties
	return expect(updated.Properties["tags"].DeepEquals(inputs["tags"]), "tags are %v", updated.Properties["tags"])
}

func (c *checks) readVpc(inputs, state resource.PropertyMap) (plugin.ReadResponse, error) {
	return c.Read(c.ctx, plugin.ReadRequest{
		URN: vpcURN, Name: vpcURN.Name(), Type: vpcType, ID: c.vpc.id, Inputs: inputs, State: state,
	})
}

func (c *checks) refresh() error {
	read, err := c.readVpc(c.vpc.inputs, c.vpc.outputs)
	if err != nil {
		return err
	}
	return errors.Join(
		expect(read.ID == c.vpc.id, "the id became %q", read.ID),
		expect(read.Inputs.DeepEquals(c.vpc.inputs), "inputs %v became %v", c.vpc.inputs, read.Inputs),
		expect(read.Outputs.DeepEquals(c.vpc.outputs), "outputs %v became %v", c.vpc.outputs, read.Outputs),
	)
}

func (c *checks) imported() error {
	read, err := c.readVpc(nil, nil)
	if err != nil {
		return err
	}
	checked, err := c.checkVpc(read.Inputs, read.Inputs)
	if err != nil {
		return err
	}
	diff, err := c.Diff(c.ctx, plugin.DiffRequest{
		URN: vpcURN, Name: vpcURN.Name(), Type: vpcType, ID: read.ID,
		OldInputs: read.Inputs, OldOutputs: read.Outputs, NewInputs: checked.Properties,
	})
	if err != nil {
		return err
	}
	return errors.Join(
		expect(read.Inputs["cidrBlock"].IsString(), "inputs are %v", read.Inputs),
		expect(len(checked.Failures) == 0, "its inputs fail: %v", checked.Failures),
		expect(diff.Changes == plugin.DiffNone, "its inputs differ: %+v", diff),
	)
}

func (c *checks) list() error {
	ids := func(request plugin.ListRequest) (ids []resource.ID, err error) {
		stream, err := c.List(c.ctx, request)
		if err != nil {
			return nil, err
		}
		for each, err := range stream.Items {
			if err != nil {
				return nil, err
			}
			ids = append(ids, each.ID)
		}
		return ids, nil
	}
	all, err1 := ids(plugin.ListRequest{Token: vpcType})
	one, err2 := ids(plugin.ListRequest{Token: vpcType, Limit: 1})
	_, image := ids(plugin.ListRequest{Token: "dbt-aws:ecr:Image"})
	query := property.NewMap(map[string]property.Value{"vpcId": property.New("vpc-1")})
	_, narrowed := ids(plugin.ListRequest{Token: vpcType, Query: query})
	return errors.Join(
		err1, err2,
		expect(slices.Contains(all, c.vpc.id), "%s is not in %v", c.vpc.id, all),
		expect(len(one) == 1, "a limit of 1 gave %v", one),
		refused("a list of images", image, "could not list dbt-aws:ecr:Image"),
		refused("a query", narrowed, "vpcId: is not known"),
	)
}

func (c *checks) invoke() error {
	answer, err := c.Invoke(c.ctx, plugin.InvokeRequest{Tok: "dbt-aws:index:getCallerIdentity"})
	if err != nil {
		return err
	}
	_, unknown := c.Invoke(c.ctx, plugin.InvokeRequest{Tok: "dbt-aws:index:getNothing"})
	return errors.Join(
		expect(len(answer.Failures) == 0 && answer.Properties.Get("accountId").IsString(), "answered %+v", answer),
		refused("dbt-aws:index:getNothing", unknown, "is not a function of dbt-aws"),
	)
}

func (c *checks) call() error {
	_, err := c.Call(c.ctx, plugin.CallRequest{Tok: tokens.ModuleMember("dbt-aws:index:DbtPlatform/nothing"), Args: property.Map{}})
	return refused("dbt-aws:index:DbtPlatform/nothing", err, "is not a method of dbt-aws")
}

func (c *checks) mappings() error {
	all, err := c.GetMappings(c.ctx, plugin.GetMappingsRequest{Key: "terraform"})
	if err != nil {
		return err
	}
	one, err := c.GetMapping(c.ctx, plugin.GetMappingRequest{Key: "terraform"})
	if err != nil {
		return err
	}
	return expect(len(all.Keys) == 0 && len(one.Data) == 0, "answered %v, %+v", all, one)
}

func (c *checks) delete() error {
	for range 2 {
		_, err := c.Delete(c.ctx, plugin.DeleteRequest{
			URN: vpcURN, Name: vpcURN.Name(), Type: vpcType, ID: c.vpc.id, Inputs: c.vpc.inputs, Outputs: c.vpc.outputs,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *checks) gone() error {
	read, err := c.readVpc(c.vpc.inputs, c.vpc.outputs)
	if err != nil {
		return err
	}
	return expect(read.ID == "" && read.Outputs == nil, "answered %+v", read)
}

func (c *checks) close() error {
	if err := c.SignalCancellation(c.ctx); err != nil {
		return err
	}
	return c.Provider.Close()
}
