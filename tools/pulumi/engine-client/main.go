// Command engine-client drives a provider with the engine's own client for plugins, whose contract checks are thereby
// checks of the provider: engine-client PROVIDER prints a line for each and ends with 1 when one failed. It makes a VPC
// and the components in the AWS that AWS_ENDPOINT_URL names, an emulator, and deletes them.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi/pkg/v3/resource/deploy/deploytest"
	"github.com/pulumi/pulumi/pkg/v3/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: engine-client PROVIDER")
		os.Exit(2)
	}
	failed, err := run(context.Background(), os.Args[1])
	if err != nil {
		fmt.Fprintf(os.Stderr, "engine-client: %v\n", err)
		os.Exit(2)
	}
	if failed > 0 {
		fmt.Fprintf(os.Stderr, "engine-client: %d checks failed\n", failed)
		os.Exit(1)
	}
}

func run(ctx context.Context, path string) (int, error) {
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		return 0, fmt.Errorf("AWS_ENDPOINT_URL names no emulator: the checks make much in it")
	}
	pwd, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	sink := diag.DefaultSink(os.Stderr, os.Stderr, diag.FormatOptions{Color: colors.Never})
	host := deploytest.NewPluginHost(sink, sink, nil)
	defer host.Close()
	plug, err := plugin.NewContextWithHost(ctx, sink, sink, host, pwd, pwd, nil)
	if err != nil {
		return 0, err
	}
	defer plug.Close()
	provider, err := plugin.NewProviderFromPath(host, plug, path)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", path, err)
	}
	c := &checks{Provider: provider, ctx: ctx, engine: host.ServerAddr()}
	for _, check := range c.all() {
		err := caught(check.run)
		if err == nil {
			fmt.Printf("ok    %s\n", check.name)
			continue
		}
		c.failed++
		fmt.Printf("FAIL  %s: %s\n", check.name, strings.ReplaceAll(err.Error(), "\n", "\n      "))
	}
	return c.failed, nil
}

// caught runs a check; an assertion of the engine's client, which panics, is its failure.
func caught(check func() error) (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("%v", broken)
		}
	}()
	return check()
}

type check struct {
	name string
	run  func() error
}

// checks is the provider under test and what one check leaves for the next.
type checks struct {
	plugin.Provider
	ctx    context.Context
	engine string
	failed int
	vpc    vpc
}

// vpc is what the engine would keep of the VPC.
type vpc struct {
	id              resource.ID
	inputs, outputs resource.PropertyMap
}

// all is every check, in the order of a provider's life.
func (c *checks) all() []check {
	return []check{
		{"handshake accepts secrets, resources and outputs", c.handshake},
		{"plugin info has a version", c.info},
		{"schema binds", c.schema},
		{"schema of an unknown version is refused", c.unknownSchema},
		{"parameters are refused", c.parameterize},
		{"configuration is checked", c.checkConfig},
		{"configuration keeps its region", c.keepRegion},
		{"a change of region replaces the provider, nothing else does", c.diffConfig},
		{"configure", c.configure},
		{"check takes good inputs and repeats itself", c.checkGood},
		{"check takes an unknown and a secret", c.checkWrapped},
		{"check names a bad property", c.checkBad},
		{"check names an unknown key and the nearest known one", c.checkUnknownKey},
		{"check names a missing property", c.checkMissing},
		{"check refuses an unknown type", c.checkUnknownType},
		{"preview of a create makes nothing", c.previewCreate},
		{"create", c.create},
		{"create again finds the same object", c.createAgain},
		{"diff of equal inputs is none", c.diffNone},
		{"diff of tags updates, of the addresses replaces", c.diffSome},
		{"diff honours ignoreChanges", c.diffIgnored},
		{"preview of an update keeps the outputs", c.previewUpdate},
		{"update", c.update},
		{"refresh answers what was set", c.refresh},
		{"import answers inputs that pass check and differ in nothing", c.imported},
		{"list answers ids, up to a limit", c.list},
		{"invoke answers, and refuses an unknown function", c.invoke},
		{"call is refused", c.call},
		{"mappings are empty", c.mappings},
		{"the components are constructed in preview, which makes nothing", c.constructPreview},
		{"the components are constructed, and all that they made is deleted", c.constructMade},
		{"construct names wrong inputs, and registers nothing", c.constructWrong},
		{"construct refuses an unknown component", c.constructUnknown},
		{"delete, twice", c.delete},
		{"read answers that the object is gone", c.gone},
		{"cancel and close", c.close},
	}
}
