// Runs the Pulumi program in this folder through the Automation API, for machines without Pulumi's language hosts.
//
//	DBT_AWS_DRIVER=1 ./program up|preview|refresh|destroy STACK [-config KEY=VALUE] [-target URN] [-events FILE]
//
// It is compiled next to the very same main.go that `pulumi up` runs. Engine events go to FILE, one JSON object a line.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
)

type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

func init() {
	if os.Getenv("DBT_AWS_DRIVER") == "" {
		return
	}
	if err := drive(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func drive() error {
	ctx := context.Background()
	var config, targets list
	flags := flag.NewFlagSet("driver", flag.ExitOnError)
	flags.Var(&config, "config", "")
	flags.Var(&targets, "target", "")
	path := flags.String("events", os.DevNull, "")
	if err := flags.Parse(os.Args[3:]); err != nil {
		return err
	}
	project, err := os.ReadFile("Pulumi.yaml")
	if err != nil {
		return err
	}
	name := strings.TrimSpace(string(regexp.MustCompile(`(?m)^name:(.*)$`).FindSubmatch(project)[1]))
	stack, err := auto.UpsertStackInlineSource(ctx, os.Args[2], name, program, auto.WorkDir("."))
	if err != nil {
		return err
	}
	for _, pair := range config {
		key, value, _ := strings.Cut(pair, "=")
		if err := stack.SetConfig(ctx, key, auto.ConfigValue{Value: value}); err != nil {
			return err
		}
	}
	file, err := os.Create(*path)
	if err != nil {
		return err
	}
	defer file.Close()
	stream, done := make(chan events.EngineEvent), make(chan struct{})
	go func() {
		defer close(done)
		for event := range stream {
			_ = json.NewEncoder(file).Encode(event)
		}
	}()
	out := os.Stdout
	switch os.Args[1] {
	case "up":
		_, err = stack.Up(ctx, optup.ProgressStreams(out), optup.EventStreams(stream), optup.Target(targets))
	case "preview":
		_, err = stack.Preview(ctx, optpreview.ProgressStreams(out), optpreview.EventStreams(stream), optpreview.Target(targets))
	case "refresh":
		_, err = stack.Refresh(ctx, optrefresh.ProgressStreams(out), optrefresh.EventStreams(stream), optrefresh.Target(targets))
	case "destroy":
		_, err = stack.Destroy(ctx, optdestroy.ProgressStreams(out), optdestroy.EventStreams(stream), optdestroy.Target(targets))
	default:
		return fmt.Errorf("%s is not up, preview, refresh or destroy", os.Args[1])
	}
	<-done
	return err
}
